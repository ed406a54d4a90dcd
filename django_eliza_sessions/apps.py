"""The app's frame."""

from contextlib import suppress

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.conf import conf


class ElizaSessionsConfig(AppConfig):
    """Registers the system checks, and what hears of users who go."""

    name = "django_eliza_sessions"
    label = "django_eliza_sessions"
    verbose_name = _("Eliza sessions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what has to be known before the first request."""
        # These need the apps; the clock begins to count the uptime.
        from django.contrib.auth import get_user_model  # noqa: PLC0415 - needs the apps

        from django_eliza_sessions import checks  # noqa: F401, PLC0415 - registers
        from django_eliza_sessions.services import clock, users  # noqa: F401, PLC0415 - likewise

        post_save.connect(
            users.end_sessions_of_deactivated,
            sender=get_user_model(),
            dispatch_uid="django_eliza_sessions.deactivated",
        )
        post_delete.connect(
            users.end_sessions_of_deleted,
            sender=get_user_model(),
            dispatch_uid="django_eliza_sessions.deleted",
        )

        # What is wrong with these the system checks say.
        with suppress(ImportError, ImproperlyConfigured):
            if conf.realtime_redis_url:
                from django_eliza_sessions.realtime import announcing  # noqa: PLC0415 - an extra

                announcing.connect()
