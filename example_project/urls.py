"""The app at the root, as the contract's paths want it, and what goes with it."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)

from example_project.policy import with_policy
from example_project.views import chat

# Both write styles into the page. Redoc searches in a worker that it makes itself, and
# its logo, which is on another host, is not loaded.
docs = with_policy(
    SpectacularSwaggerSplitView.as_view(), style_src=["'self'", "'unsafe-inline'"]
)
redoc = with_policy(
    SpectacularRedocView.as_view(template_name="example_project/redoc.html"),
    style_src=["'self'", "'unsafe-inline'"],
    worker_src=["blob:"],
)

urlpatterns = [
    # First, because most requests are for it.
    path("", include("django_eliza_sessions.urls")),
    path("", RedirectView.as_view(pattern_name="docs")),
    path("chat/", chat, name="chat"),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", docs, name="docs"),
    path("api/redoc/", redoc, name="redoc"),
]
