"""The host project's own API."""

from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.views import APIView


def handle_exception(error, context):
    """Answer every error in the project's own way."""
    return HttpResponse(f"Oh dear: {error}", status=getattr(error, "status_code", 500))


class OwnView(APIView):
    """Finds nothing."""

    login_required = False

    def get(self, request):
        raise NotFound
