"""Operators with and without permissions, and what the list shows them."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from django_eliza_sessions.models import Session

SESSIONS = "/admin/django_eliza_sessions/session/"
AGENTS = "/admin/django_eliza_sessions/agent/"
REPLIES = "/admin/django_eliza_sessions/reply/"


def page_of(row: Session) -> str:
    return reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])


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
