"""System checks, each with an id and a hint."""

from django_eliza_sessions.checks.project import (
    check_access,
    check_rest_framework,
    check_sqlite,
    check_webhooks,
)
from django_eliza_sessions.checks.settings import check_settings

__all__ = [
    "check_access",
    "check_rest_framework",
    "check_settings",
    "check_sqlite",
    "check_webhooks",
]
