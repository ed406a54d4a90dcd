"""Operators with and without permissions, and what the list shows them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from django_eliza_sessions.models import Session

SESSIONS = "/admin/django_eliza_sessions/session/"
AGENTS = "/admin/django_eliza_sessions/agent/"
KEYS = "/admin/django_eliza_sessions/apikey/"
REPLIES = "/admin/django_eliza_sessions/reply/"
EVENTS = "/admin/django_eliza_sessions/event/"
ENDPOINTS = "/admin/django_eliza_sessions/webhookendpoint/"
AUDIT = "/admin/django_eliza_sessions/auditrecord/"
DELIVERIES = "/admin/django_eliza_sessions/webhookdelivery/"


def page_of(row: Session) -> str:
    return reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])


def new_id(client: Client, path: str) -> dict[str, str]:
    """What the form at a list's ``add/`` sends to be taken once only."""
    html = client.get(f"{path}add/").content.decode()
    [value] = re.findall(r'<input type="hidden" name="new_id" value="([^"]+)"', html)
    return {"new_id": value}


def short_link(session: Session) -> str:
    """How a list of what belongs to a session leads to its page."""
    short = f'<span title="{session.pk}">{str(session.pk)[:8]}…</span>'
    return f'<a href="{page_of(session)}">{short}</a>'


def found(client: Client, path: str, term: str) -> list[Any]:
    """Return what a list shows for what was typed into its search box."""
    return list(client.get(path, {"q": term}).context["cl"].result_list)


@pytest.fixture
def staff(db: None) -> Callable[..., Client]:
    """Log in a new staff user who has the named permissions on this app."""

    def login(*codenames: str) -> Client:
        user = User.objects.create_user(f"staff {User.objects.count()}", is_staff=True)
        permissions = Permission.objects.filter(
            content_type__app_label="django_eliza_sessions", codename__in=codenames
        )
        assert len(permissions) == len(codenames)
        user.user_permissions.set(permissions)
        client = Client()
        client.force_login(user)
        return client

    return login


@pytest.fixture
def operator(staff: Callable[..., Client]) -> Client:
    """Somebody who may look at sessions and act on them."""
    return staff("view_session", "change_session")


@pytest.fixture
def listed(operator: Client) -> Callable[..., list[Session]]:
    """Return the sessions that the list shows for a query."""

    def show(**query: str) -> list[Session]:
        response = operator.get(SESSIONS, query)
        assert response.status_code == 200
        return list(response.context["cl"].result_list)

    return show
