"""Include these at the root of a project; the paths are the contract's."""

from django_eliza_sessions.api.urls import urlpatterns

app_name = "django_eliza_sessions"
__all__ = ["app_name", "urlpatterns"]
