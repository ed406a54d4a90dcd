"""Checks of the settings: each can be read, and they agree with each other."""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution
from django.core.exceptions import ImproperlyConfigured
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
    mistakes = [*_unknown_keys(), *_unreadable_values()]
    return [
        *_unknown_variables(),
        # What cannot be read cannot be compared.
        *(
            mistakes
            or [
                *_contradictions(),
                *_callables(),
                *_backends(),
                *_realtime(),
                *_limits(),
            ]
        ),
    ]


def _unknown_keys() -> Iterator[CheckMessage]:
    for key in getattr(settings, "ELIZA_SESSIONS", {}):
        if key not in SETTINGS:
            yield Error(
                f'ELIZA_SESSIONS["{key}"] is not a setting.',
                hint=f"Settings are: {', '.join(sorted(SETTINGS))}.",
                id="eliza_sessions.E001",
            )


def _unknown_variables() -> Iterator[CheckMessage]:
    known = [setting.environment for setting in SETTINGS.values() if setting.environment]
    for name in sorted(os.environ):
        if name.startswith("ELIZA_SESSIONS_") and name not in known:
            closest = get_close_matches(name, known, n=1)
            yield Caution(
                f"The environment variable {name} sets nothing.",
                hint=f"Did you mean {closest[0]}?"
                if closest
                else f"Variables are: {', '.join(sorted(known))}.",
                id="eliza_sessions.W002",
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


def _callables() -> Iterator[CheckMessage]:
    celery = (
        "It gets {}. For Celery: django_eliza_sessions.tasks.{}, with the extra "
        "django-eliza-sessions[celery] installed."
    )
    user_id = "It gets a Django user and returns the UUID that sessions know them by."
    for setting, path, hint, id_ in (
        (
            "REPLY_DISPATCHER",
            conf.reply_dispatcher,
            celery.format("the reply's id", "dispatch_reply"),
            "eliza_sessions.E005",
        ),
        (
            "JOB_DISPATCHER",
            conf.job_dispatcher,
            celery.format("the job's name", "dispatch_job"),
            "eliza_sessions.E005",
        ),
        ("USER_ID", conf.user_id, user_id, "eliza_sessions.E010"),
    ):
        try:
            problem = None if callable(import_string(path)) else "cannot be called."
        except ImportError as error:
            problem = f"cannot be imported: {error}"
        if problem:
            yield Error(f"{setting} {path!r} {problem}", hint=hint, id=id_)


def _backends() -> Iterator[CheckMessage]:
    for alias in conf.backends:
        try:
            problems = backends[alias].check()
        except Exception as error:  # noqa: BLE001 - a backend is somebody else's code
            problems = [f"cannot be made: {type(error).__name__}: {error}"]
        for problem in problems:
            yield Error(
                f"Backend {alias!r}: {problem}",
                hint=f'Correct ELIZA_SESSIONS["BACKENDS"]["{alias}"], or supply what it '
                "lacks.",
                id="eliza_sessions.E006",
            )


def _realtime() -> Iterator[CheckMessage]:
    if conf.realtime_redis_url is None:
        return
    for package, name in (("socketio", "python-socketio"), ("redis", "redis")):
        try:
            import_module(package)
        except ImportError:
            yield Error(
                f"REALTIME_REDIS_URL is set, but {name} is not installed.",
                hint="Install django-eliza-sessions[realtime] and redis.",
                id="eliza_sessions.E008",
            )


def _limits() -> Iterator[CheckMessage]:
    if conf.limits_redis_url is None:
        return
    try:
        import_module("redis").Redis.from_url(conf.limits_redis_url)
    except (ImportError, ValueError) as error:
        yield Error(
            f"LIMITS_REDIS_URL cannot be used: {error}",
            hint="It must be like redis://host:6379/0, with the package redis installed.",
            id="eliza_sessions.E011",
        )
