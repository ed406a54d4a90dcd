"""The knobs: one typed property per setting.

Each is read afresh from ``settings.ELIZA_SESSIONS``, else the environment, else its
default, so ``override_settings`` simply works.
"""

import os
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from django_eliza_sessions import parsers
from django_eliza_sessions.setting import Setting
from django_eliza_sessions.timeouts import TimeoutConfig, TimeoutLimits


class Conf:
    """The settings of the app; import the instance ``conf``."""

    default_timeout_minutes = Setting(
        "SESSION_DEFAULT_TIMEOUT_MINUTES",
        30,
        parsers.minutes,
        "SESSION_DEFAULT_TIMEOUT_MINUTES",
    )
    min_timeout_minutes = Setting(
        "SESSION_MIN_TIMEOUT_MINUTES", 5, parsers.minutes, "SESSION_MIN_TIMEOUT_MINUTES"
    )
    max_timeout_minutes = Setting(
        "SESSION_MAX_TIMEOUT_MINUTES", 1440, parsers.minutes, "SESSION_MAX_TIMEOUT_MINUTES"
    )
    max_duration_minutes = Setting(
        "SESSION_MAX_DURATION_MINUTES", 720, parsers.minutes, "SESSION_MAX_DURATION_MINUTES"
    )
    warning_threshold_minutes = Setting(
        "SESSION_WARNING_THRESHOLD_MINUTES",
        5,
        parsers.minutes,
        "SESSION_WARNING_THRESHOLD_MINUTES",
    )
    #: How often ``purge_sessions`` runs.
    cleanup_interval_minutes = Setting(
        "SESSION_CLEANUP_INTERVAL_MINUTES",
        5,
        parsers.minutes,
        "SESSION_CLEANUP_INTERVAL_MINUTES",
    )
    #: Whether ``eliza_sessions_shutdown`` ends every active session.
    clear_sessions_on_shutdown = Setting(
        "CLEAR_SESSIONS_ON_SHUTDOWN",
        default=False,
        parse=parsers.boolean,
        environment="CLEAR_SESSIONS_ON_SHUTDOWN",
    )
    #: How often ``sweep_sessions`` looks for deadlines; a warning is late by this at most.
    sweep_interval_seconds = Setting("SWEEP_INTERVAL_SECONDS", 10, parsers.positive)
    #: Days a session is kept after it is over; ``None`` keeps it for ever.
    retention_days = Setting[int | None]("RETENTION_DAYS", None, parsers.retention_days)
    #: What becomes of it then: ``delete`` or ``anonymise``.
    retention_action = Setting("RETENTION_ACTION", "delete", parsers.retention_action)
    #: Days an audit record is kept; ``None`` keeps it for ever.
    audit_retention_days = Setting[int | None](
        "AUDIT_RETENTION_DAYS", None, parsers.retention_days
    )
    #: Hours a retry is recognised by its idempotency key.
    idempotency_hours = Setting("IDEMPOTENCY_HOURS", 24, parsers.positive)
    #: ``key``: every caller must authenticate. ``open``: anybody may do everything.
    access = Setting("ACCESS", "key", parsers.access)
    #: The server's own API key, sent as ``X-API-KEY``; its holder is an administrator.
    server_auth_token = Setting[str | None](
        "ELIZA_SERVER_AUTH_TOKEN", None, parsers.text_or_none, "ELIZA_SERVER_AUTH_TOKEN"
    )
    #: Seconds a process may rely on what it knows of an API key.
    api_key_cache_seconds = Setting("API_KEY_CACHE_SECONDS", 5, parsers.positive)
    #: Dotted path of the callable that returns the ``userId`` of a Django user, a UUID.
    user_id = Setting(
        "USER_ID", "django_eliza_sessions.services.access.default_user_id", parsers.text
    )
    #: Request bodies above this many bytes are refused with a 413.
    max_body_bytes = Setting("MAX_BODY_BYTES", 1024 * 1024, parsers.positive)
    #: How often sessions may be created: rates, by what is counted.
    create_limits = Setting[parsers.Rates](
        "CREATE_LIMITS", {}, parsers.rates("caller", "address", "user")
    )
    #: How often messages may be sent.
    message_limits = Setting[parsers.Rates](
        "MESSAGE_LIMITS", {}, parsers.rates("caller", "address", "user", "session")
    )
    #: Sessions that a caller may have open for one user at a time; ``None`` for any number.
    max_active_sessions = Setting[int | None](
        "MAX_ACTIVE_SESSIONS_PER_USER", None, parsers.positive_or_none
    )
    #: What happens when one more is opened: ``reject`` it, or ``end_oldest``.
    max_active_sessions_policy = Setting(
        "MAX_ACTIVE_SESSIONS_POLICY", "reject", parsers.active_sessions_policy
    )
    #: Redis that counts what is limited; ``None`` for the database.
    limits_redis_url = Setting[str | None]("LIMITS_REDIS_URL", None, parsers.text_or_none)
    #: Networks of the proxies whose ``X-Forwarded-For`` is believed.
    trusted_proxies = Setting[parsers.Networks]("TRUSTED_PROXIES", (), parsers.networks)
    #: Who answers: aliases to backends, shaped like Django's ``CACHES``.
    backends: Setting[Mapping[str, Mapping[str, Any]]] = Setting(
        "BACKENDS",
        {"default": {"BACKEND": "django_eliza_sessions.backends.echo.EchoBackend"}},
        parsers.backends,
        environment=None,
    )
    #: Seconds a holder of a reply may be silent before somebody else takes over.
    reply_lease_seconds = Setting("REPLY_LEASE_SECONDS", 15, parsers.positive)
    #: Seconds a backend may take to its first word.
    reply_first_chunk_seconds = Setting("REPLY_FIRST_CHUNK_SECONDS", 60, parsers.positive)
    #: Seconds a backend may take to its last word.
    reply_total_seconds = Setting("REPLY_TOTAL_SECONDS", 300, parsers.positive)
    #: Seconds an ``http`` request waits for its reply before it answers 202.
    http_wait_seconds = Setting("HTTP_WAIT_SECONDS", 25, parsers.positive)
    #: Dotted path of the callable that gets a reply's id once the reply is queued.
    reply_dispatcher = Setting(
        "REPLY_DISPATCHER",
        "django_eliza_sessions.services.answering.dispatch_to_thread",
        parsers.text,
    )
    #: Dotted path of the callable that gets the name of a job once there is one to do.
    job_dispatcher = Setting(
        "JOB_DISPATCHER", "django_eliza_sessions.services.jobs.run_in_thread", parsers.text
    )
    #: Days an event is kept once it was handed out, for those who catch up.
    event_retention_days = Setting("EVENT_RETENTION_DAYS", 7, parsers.positive)
    #: Redis that carries what may be missed between processes; ``None`` for one process.
    realtime_redis_url = Setting[str | None](
        "REALTIME_REDIS_URL", None, parsers.text_or_none
    )
    #: Other origins whose pages may open sockets; those of the same origin always may.
    realtime_allowed_origins = Setting[tuple[str, ...]](
        "REALTIME_ALLOWED_ORIGINS", (), parsers.origins
    )
    #: Seconds a webhook endpoint may take to answer.
    webhook_timeout_seconds = Setting("WEBHOOK_TIMEOUT_SECONDS", 10, parsers.positive)
    #: Days a webhook endpoint may fail without one success before it is disabled.
    webhook_disable_after_days = Setting("WEBHOOK_DISABLE_AFTER_DAYS", 3, parsers.positive)
    #: Whether webhooks may go to ``http`` addresses too.
    webhook_allow_http = Setting("WEBHOOK_ALLOW_HTTP", default=False, parse=parsers.boolean)
    #: Networks that webhooks may go to although they are not public.
    webhook_allowed_networks = Setting[parsers.Networks](
        "WEBHOOK_ALLOWED_NETWORKS", (), parsers.networks
    )

    @property
    def timeout_limits(self) -> TimeoutLimits:
        """The bounds of what clients may ask for."""
        return TimeoutLimits(
            min_timeout_minutes=self.min_timeout_minutes,
            max_timeout_minutes=self.max_timeout_minutes,
        )

    @property
    def timeout_config(self) -> TimeoutConfig:
        """What applies where neither session nor agent says otherwise."""
        return TimeoutConfig(
            timeout_minutes=self.default_timeout_minutes,
            auto_renew=True,
            max_duration_minutes=self.max_duration_minutes,
            warning_threshold_minutes=self.warning_threshold_minutes,
        )


conf = Conf()

#: Every setting, by its key in ``ELIZA_SESSIONS``.
SETTINGS: dict[str, Setting[Any]] = {
    setting.name: setting for setting in vars(Conf).values() if isinstance(setting, Setting)
}


def read_secret(name: str) -> str | None:
    """Return what a Django setting, or else an environment variable, of that name holds."""
    return getattr(settings, name, None) or os.environ.get(name)


def read_secret_keys() -> list[str | bytes]:
    """Return Django's ``SECRET_KEY``, and after it those it replaced."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
