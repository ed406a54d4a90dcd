"""Middlewares fitted to this project: it serves static files, pages, and mostly its API."""

from contextlib import closing
from typing import Any

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]
from whitenoise.responders import StaticFile  # type: ignore[import-untyped]

API = "/api/messaging/sessions"


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise, sending files whole: under ASGI Django cannot stream them."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Return a static file's response."""
        with closing(WhiteNoiseMiddleware.serve(static_file, request)) as streamed:
            return HttpResponse(
                streamed.getvalue(), status=streamed.status_code, headers=streamed.headers
            )


class _ForBrowsers(MiddlewareMixin):
    """Leaves API requests without cookies alone: nobody can be logged in there.

    Those are nearly all requests, and what browsers need is much of what one costs.
    """

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith(API) and not request.COOKIES:
            return self.get_response(request)
        return super().__call__(request)


class SessionMiddleware(_ForBrowsers, sessions.SessionMiddleware):
    """Django's, for browsers."""


class AuthenticationMiddleware(_ForBrowsers, auth.AuthenticationMiddleware):
    """Django's, for browsers."""


class MessageMiddleware(_ForBrowsers, messages.MessageMiddleware):
    """Django's, for browsers."""
