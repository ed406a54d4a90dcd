"""The example's middlewares: what browsers need costs no other client anything."""

import json

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client

from example_project import settings as example
from tests.conftest import BASE

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def as_the_example_has_it(settings, configure):
    settings.MIDDLEWARE = example.MIDDLEWARE
    settings.SECURE_CSP = example.SECURE_CSP
    configure(ACCESS="key")


def test_clients_without_cookies_have_no_browser_session(client, monkeypatch):
    made = []
    monkeypatch.setattr(SessionBase, "__init__", lambda *_args, **_more: made.append(1))
    assert client.get(BASE).status_code == 401
    assert made == []


def test_who_is_logged_in_is_known_to_the_api(client, admin_user):
    client.force_login(admin_user)
    assert client.get(BASE).status_code == 200


def test_who_is_logged_in_needs_a_token_to_write(admin_user, agent):
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(admin_user)
    body = json.dumps({"agentId": str(agent.pk), "userId": str(agent.pk)})
    request = {"path": BASE, "data": body, "content_type": "application/json"}
    assert careful.post(**request).status_code == 403
    careful.cookies["csrftoken"] = token = _get_new_csrf_string()
    assert careful.post(**request, headers={"X-CSRFToken": token}).status_code == 201


def test_pages_have_sessions_before_there_is_a_cookie(client, admin_user):
    form = {"username": "admin", "password": "password"}
    assert client.post("/admin/login/?next=/admin/", form).status_code == 302
    assert "_auth_user_id" in client.session
