"""The example's URLs, and views that have nothing of this package in them.

Whatever is made of Django REST framework costs at least what they do.
"""

from uuid import UUID

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from rest_framework.views import APIView

from benchmarks.operations import BARE


class EmptyView(APIView):
    """Says nothing, to anybody."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, _request: HttpRequest) -> HttpResponse:
        """Answer."""
        return HttpResponse(b"{}", content_type="application/json")


class SelectingView(EmptyView):
    """Says the same, and looks for a session before."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:  # type: ignore[override]
        """Look for it, and answer."""
        with connection.cursor() as cursor:
            query = "SELECT 1 FROM django_eliza_sessions_session WHERE id = %s"
            cursor.execute(query, [session_id])
            cursor.fetchall()
        return super().get(request)


bare = [
    path("empty", EmptyView.as_view()),
    path("<uuid:session_id>", SelectingView.as_view()),
]
urlpatterns = [
    path(f"{BARE[1:]}/", include(bare)),
    path("", include("example_project.urls")),
]
