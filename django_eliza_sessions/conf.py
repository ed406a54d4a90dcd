"""The knobs: one typed property per setting.

Each is read afresh from ``settings.ELIZA_SESSIONS``, else the environment, else its
default, so ``override_settings`` simply works.
"""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, overload

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from django_eliza_sessions.timeouts import TimeoutConfig, TimeoutLimits

T = TypeVar("T")

#: The most minutes a setting may say, so that every deadline is a date.
MAX_MINUTES = 10 * 365 * 24 * 60


class Setting(Generic[T]):
    """One setting, as a typed read-only attribute.

    Args:
        name: Its key in ``ELIZA_SESSIONS``.
        default: Its value when it is set nowhere.
        parse: Turns what was set, a string if it came from the environment, into the
            value; raises ``ValueError`` saying what is allowed.
        environment: The variable that sets it; ``None`` where a string cannot.
    """

    def __init__(
        self,
        name: str,
        default: T,
        parse: Callable[[Any], T],
        environment: str | None = None,
    ) -> None:
        self.name = name
        self.default = default
        self.parse = parse
        self.environment = environment

    @overload
    def __get__(self, instance: None, owner: type) -> "Setting[T]": ...
    @overload
    def __get__(self, instance: "Conf", owner: type) -> T: ...
    def __get__(self, instance: "Conf | None", owner: type) -> "T | Setting[T]":
        if instance is None:
            return self
        own = getattr(settings, "ELIZA_SESSIONS", {})
        if self.name in own:
            value, source = own[self.name], f'ELIZA_SESSIONS["{self.name}"]'
        elif self.environment and os.environ.get(self.environment):
            value, source = os.environ[self.environment], self.environment
        else:
            return self.default
        try:
            return self.parse(value)
        except (TypeError, ValueError) as error:
            raise ImproperlyConfigured(f"{source} {error}, not {value!r}.") from error


def _positive(value: object) -> int:
    if not isinstance(value, bool) and re.fullmatch(r"0*[1-9]\d*", str(value), re.ASCII):
        return int(str(value))
    raise ValueError("must be a whole number above 0")


def _minutes(value: object) -> int:
    if (minutes := _positive(value)) <= MAX_MINUTES:
        return minutes
    raise ValueError(f"must be at most {MAX_MINUTES}, which is ten years")


def _positive_or_none(value: object) -> int | None:
    return None if value is None else _positive(value)


def _boolean(value: object) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    try:
        return words[str(value).lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


def _text(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError("must be a non-empty string")


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _access(value: object) -> str:
    if value in ("key", "open"):
        return str(value)
    raise ValueError('must be "key" or "open"')


def _backends(value: object) -> Mapping[str, Mapping[str, Any]]:
    if isinstance(value, Mapping) and all(
        isinstance(entry, Mapping) and isinstance(entry.get("BACKEND"), str)
        for entry in value.values()
    ):
        return value
    raise ValueError('must map aliases to {"BACKEND": "dotted.path", "OPTIONS": {…}}')


class Conf:
    """The settings of the app; import the instance ``conf``."""

    default_timeout_minutes = Setting(
        "SESSION_DEFAULT_TIMEOUT_MINUTES", 30, _minutes, "SESSION_DEFAULT_TIMEOUT_MINUTES"
    )
    min_timeout_minutes = Setting(
        "SESSION_MIN_TIMEOUT_MINUTES", 5, _minutes, "SESSION_MIN_TIMEOUT_MINUTES"
    )
    max_timeout_minutes = Setting(
        "SESSION_MAX_TIMEOUT_MINUTES", 1440, _minutes, "SESSION_MAX_TIMEOUT_MINUTES"
    )
    max_duration_minutes = Setting(
        "SESSION_MAX_DURATION_MINUTES", 720, _minutes, "SESSION_MAX_DURATION_MINUTES"
    )
    warning_threshold_minutes = Setting(
        "SESSION_WARNING_THRESHOLD_MINUTES",
        5,
        _minutes,
        "SESSION_WARNING_THRESHOLD_MINUTES",
    )
    #: How often ``purge_sessions`` runs.
    cleanup_interval_minutes = Setting(
        "SESSION_CLEANUP_INTERVAL_MINUTES", 5, _minutes, "SESSION_CLEANUP_INTERVAL_MINUTES"
    )
    #: Whether ``eliza_sessions_shutdown`` ends every active session.
    clear_sessions_on_shutdown = Setting(
        "CLEAR_SESSIONS_ON_SHUTDOWN",
        default=False,
        parse=_boolean,
        environment="CLEAR_SESSIONS_ON_SHUTDOWN",
    )
    #: How often ``sweep_sessions`` looks for deadlines; a warning is late by this at most.
    sweep_interval_seconds = Setting(
        "SWEEP_INTERVAL_SECONDS", 10, _positive, "ELIZA_SESSIONS_SWEEP_INTERVAL_SECONDS"
    )
    #: Days a session is kept after it is over; ``None`` keeps it for ever.
    retention_days = Setting[int | None](
        "RETENTION_DAYS", None, _positive_or_none, "ELIZA_SESSIONS_RETENTION_DAYS"
    )
    #: Hours a retry is recognised by its idempotency key.
    idempotency_hours = Setting(
        "IDEMPOTENCY_HOURS", 24, _positive, "ELIZA_SESSIONS_IDEMPOTENCY_HOURS"
    )
    #: ``key``: every caller must authenticate. ``open``: anybody may do everything.
    access = Setting("ACCESS", "key", _access, "ELIZA_SESSIONS_ACCESS")
    #: The server's own API key, sent as ``X-API-KEY``; its holder is an administrator.
    server_auth_token = Setting[str | None](
        "ELIZA_SERVER_AUTH_TOKEN", None, _text_or_none, "ELIZA_SERVER_AUTH_TOKEN"
    )
    #: Request bodies above this many bytes are refused with a 413.
    max_body_bytes = Setting(
        "MAX_BODY_BYTES", 1024 * 1024, _positive, "ELIZA_SESSIONS_MAX_BODY_BYTES"
    )
    #: Who answers: aliases to backends, shaped like Django's ``CACHES``.
    backends: Setting[Mapping[str, Mapping[str, Any]]] = Setting(
        "BACKENDS",
        {"default": {"BACKEND": "django_eliza_sessions.backends.echo.EchoBackend"}},
        _backends,
    )
    #: Seconds a holder of a reply may be silent before somebody else takes over.
    reply_lease_seconds = Setting(
        "REPLY_LEASE_SECONDS", 15, _positive, "ELIZA_SESSIONS_REPLY_LEASE_SECONDS"
    )
    #: Seconds a backend may take to its first word.
    reply_first_chunk_seconds = Setting(
        "REPLY_FIRST_CHUNK_SECONDS",
        60,
        _positive,
        "ELIZA_SESSIONS_REPLY_FIRST_CHUNK_SECONDS",
    )
    #: Seconds a backend may take to its last word.
    reply_total_seconds = Setting(
        "REPLY_TOTAL_SECONDS", 300, _positive, "ELIZA_SESSIONS_REPLY_TOTAL_SECONDS"
    )
    #: Seconds an ``http`` request waits for its reply before it answers 202.
    http_wait_seconds = Setting(
        "HTTP_WAIT_SECONDS", 25, _positive, "ELIZA_SESSIONS_HTTP_WAIT_SECONDS"
    )
    #: Dotted path of the callable that gets a reply's id once the reply is queued.
    reply_dispatcher = Setting(
        "REPLY_DISPATCHER",
        "django_eliza_sessions.services.answering.dispatch_to_thread",
        _text,
        "ELIZA_SESSIONS_REPLY_DISPATCHER",
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
