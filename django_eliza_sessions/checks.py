"""System checks of every setting, each with an id and a hint."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.module_loading import import_string

from django_eliza_sessions.backends import backends
from django_eliza_sessions.conf import SETTINGS, conf


@register()
def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    """Check that every setting can be read, and that they agree with each other."""
    if not isinstance(getattr(settings, "ELIZA_SESSIONS", {}), Mapping):
        return [
            Error(
                "ELIZA_SESSIONS must be a dict.",
                hint="Leave it out to get every default.",
                id="eliza_sessions.E001",
            )
        ]
    errors = [*_unknown_keys(), *_unreadable_values()]
    # What cannot be read cannot be compared.
    return errors or [*_contradictions(), *_dispatcher(), *_backends()]


def _unknown_keys() -> Iterator[CheckMessage]:
    for key in getattr(settings, "ELIZA_SESSIONS", {}):
        if key not in SETTINGS:
            yield Error(
                f'ELIZA_SESSIONS["{key}"] is not a setting.',
                hint=f"Settings are: {', '.join(sorted(SETTINGS))}.",
                id="eliza_sessions.E001",
            )


def _unreadable_values() -> Iterator[CheckMessage]:
    for setting in SETTINGS.values():
        try:
            setting.__get__(conf, type(conf))
        except ImproperlyConfigured as error:
            yield Error(
                str(error),
                hint=f"Correct it, or remove it to get the default {setting.default!r}.",
                id="eliza_sessions.E002",
            )


def _contradictions() -> Iterator[CheckMessage]:
    smallest, largest = conf.min_timeout_minutes, conf.max_timeout_minutes
    if smallest > largest:
        yield Error(
            f"SESSION_MIN_TIMEOUT_MINUTES ({smallest}) is above "
            f"SESSION_MAX_TIMEOUT_MINUTES ({largest}).",
            hint="Lower the one or raise the other.",
            id="eliza_sessions.E003",
        )
        return
    limits, defaults = conf.timeout_limits, conf.timeout_config
    for name, field in (
        ("SESSION_DEFAULT_TIMEOUT_MINUTES", "timeout_minutes"),
        ("SESSION_MAX_DURATION_MINUTES", "max_duration_minutes"),
        ("SESSION_WARNING_THRESHOLD_MINUTES", "warning_threshold_minutes"),
    ):
        low, high = limits.range_of(field)
        value = getattr(defaults, field)
        if not low <= value <= high:
            yield Error(
                f"{name} is {value}, which clients could not ask for.",
                hint=f"Set it from {low} to {high}, or change "
                "SESSION_MIN_TIMEOUT_MINUTES or SESSION_MAX_TIMEOUT_MINUTES.",
                id="eliza_sessions.E004",
            )


def _dispatcher() -> Iterator[CheckMessage]:
    path = conf.reply_dispatcher
    try:
        dispatcher = import_string(path)
    except ImportError as error:
        yield Error(
            f"REPLY_DISPATCHER {path!r} cannot be imported: {error}",
            hint="For Celery: django_eliza_sessions.tasks.dispatch_reply, with the "
            "extra django-eliza-sessions[celery] installed.",
            id="eliza_sessions.E005",
        )
        return
    if not callable(dispatcher):
        yield Error(
            f"REPLY_DISPATCHER {path!r} cannot be called.",
            hint="It gets the reply's id.",
            id="eliza_sessions.E005",
        )


def _backends() -> Iterator[CheckMessage]:
    for alias in conf.backends:
        try:
            problems = backends[alias].check()
        except Exception as error:  # noqa: BLE001 - a backend is somebody else's code
            problems = [f"cannot be made: {type(error).__name__}: {error}"]
        for problem in problems:
            yield Error(
                f"Backend {alias!r}: {problem}",
                hint=f'Correct ELIZA_SESSIONS["BACKENDS"]["{alias}"].',
                id="eliza_sessions.E006",
            )


@register()
def check_sqlite(**_kwargs: Any) -> list[CheckMessage]:
    """Check that SQLite lets concurrent requests wait instead of failing."""
    return [
        Caution(
            f"Database {alias!r} is SQLite without IMMEDIATE transactions: requests at "
            'the same moment can fail with "database is locked".',
            hint='Set OPTIONS to {"transaction_mode": "IMMEDIATE", "timeout": 20}.',
            id="eliza_sessions.W001",
        )
        for alias, database in connections.settings.items()
        if database["ENGINE"].endswith("sqlite3")
        and database.get("OPTIONS", {}).get("transaction_mode")
        not in ("IMMEDIATE", "EXCLUSIVE")
    ]


@register(Tags.security, deploy=True)
def check_access(**_kwargs: Any) -> list[CheckMessage]:
    """Refuse open access in a deployment."""
    try:
        is_open = conf.access == "open"
    except ImproperlyConfigured:
        return []
    if not is_open:
        return []
    return [
        Error(
            "ACCESS is open: anybody can read, write and end every session.",
            hint='Set ELIZA_SESSIONS["ACCESS"] to "key".',
            id="eliza_sessions.E007",
        )
    ]
