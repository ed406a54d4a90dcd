"""The host project's URLs."""

from django.urls import include, path

from tests.api.host.views import OwnView

urlpatterns = [
    path("own/", OwnView.as_view()),
    path("", include("django_eliza_sessions.urls")),
]
