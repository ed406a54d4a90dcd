"""The example's URLs, and a view that has nothing of this package in it.

Whatever is made of Django REST framework costs at least what it does.
"""

from uuid import UUID

from django.db import connection
from django.db.models import UUIDField
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from rest_framework.views import APIView

from benchmarks.operations import BARE

KEY = UUIDField()


class EmptyView(APIView):
    """Says nothing, to anybody."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, _request: HttpRequest, session_id: UUID | None = None) -> HttpResponse:
        """Answer, after a look for the session where one is named."""
        if session_id is not None:
            with connection.cursor() as cursor:
                query = "SELECT 1 FROM django_eliza_sessions_session WHERE id = %s"
                cursor.execute(query, [KEY.get_db_prep_value(session_id, connection)])
                cursor.fetchall()
        return HttpResponse(b"{}", content_type="application/json")


bare = [
    path("empty", EmptyView.as_view()),
    path("<uuid:session_id>", EmptyView.as_view()),
]
urlpatterns = [
    path(f"{BARE[1:]}/", include(bare)),
    path("", include("example_project.urls")),
]
