"""Checks of the project around the app: what it is installed with, and deployed on."""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from django_eliza_sessions import webhooks
from django_eliza_sessions.conf import conf
from django_eliza_sessions.models import WebhookEndpoint


@register()
def check_rest_framework(**_kwargs: Any) -> list[CheckMessage]:
    """Check that what the HTTP API is made of is installed as an app, too."""
    if apps.is_installed("rest_framework"):
        return []
    return [
        Caution(
            "rest_framework is not in INSTALLED_APPS: its translations are missing.",
            hint='Add "rest_framework" to INSTALLED_APPS.',
            id="eliza_sessions.W003",
        )
    ]


@register()
def check_sqlite(**_kwargs: Any) -> list[CheckMessage]:
    """Check that SQLite lets concurrent requests wait instead of failing."""
    return [
        Caution(
            f"Database {alias!r} is SQLite without IMMEDIATE transactions: even one "
            'user\'s messages will fail with "database is locked".',
            hint='Set OPTIONS to {"transaction_mode": "IMMEDIATE", "timeout": 20, '
            '"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}.',
            id="eliza_sessions.W001",
        )
        for alias, database in connections.settings.items()
        if database["ENGINE"].endswith("sqlite3")
        and database.get("OPTIONS", {}).get("transaction_mode")
        not in ("IMMEDIATE", "EXCLUSIVE")
    ]


@register(Tags.database)
def check_webhooks(
    *, databases: Sequence[str] | None = None, **_kwargs: Any
) -> list[CheckMessage]:
    """Check that webhooks can be sent where there is anybody to send them to."""
    if webhooks.is_installed() or not any(map(_has_endpoints, databases or ())):
        return []
    return [
        Error(
            "There are webhook endpoints, but webhooks cannot be sent.",
            hint=webhooks.MISSING_EXTRA,
            id="eliza_sessions.E009",
        )
    ]


def _has_endpoints(alias: str) -> bool:
    table = WebhookEndpoint._meta.db_table
    if table not in connections[alias].introspection.table_names():
        return False  # Before the first migration.
    return WebhookEndpoint.objects.using(alias).exists()


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
