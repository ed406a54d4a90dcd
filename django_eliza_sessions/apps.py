"""The app's frame."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ElizaSessionsConfig(AppConfig):
    """Registers the system checks."""

    name = "django_eliza_sessions"
    label = "django_eliza_sessions"
    verbose_name = _("Eliza sessions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what has to be known before the first request."""
        # These need the apps; the clock begins to count the uptime.
        from django_eliza_sessions import checks  # noqa: F401, PLC0415
        from django_eliza_sessions.services import clock  # noqa: F401, PLC0415
