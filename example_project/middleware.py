"""Static files under ASGI."""

from contextlib import closing

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]
from whitenoise.responders import StaticFile  # type: ignore[import-untyped]


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise, sending files whole: under ASGI Django cannot stream them."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Return a static file's response."""
        with closing(WhiteNoiseMiddleware.serve(static_file, request)) as streamed:
            return HttpResponse(
                streamed.getvalue(), status=streamed.status_code, headers=streamed.headers
            )
