"""Tests that run inside of the host project only; test_pluggable.py starts them."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from rest_framework.authtoken.models import Token

from django_eliza_sessions.services.access import user_id_of
from tests.api.shapes import error_of
from tests.conftest import Api


def token_holder(name: str, **fields) -> Api:
    user = get_user_model().objects.create_user(name, **fields)
    token = Token.objects.create(user=user)
    client = Client(headers={"Authorization": f"Token {token.key}"})
    return Api(client, user_id_of(user))


@pytest.mark.usefixtures("closed_door")
class TestTokensOfTheProject:
    def test_open_the_door(self, agent):
        ann, bob = token_holder("ann"), token_holder("bob")
        body = {"agentId": str(agent.pk), "userId": ann.user_id}
        created = ann.post("", body)
        assert created.status_code == 201
        path = f"/{created.json()['sessionId']}"
        assert ann.get(path).status_code == 200
        error_of(bob.get(path), 404, "SessionNotFoundError")
        error_of(ann.get(""), 403, "PermissionDeniedError")
        assert token_holder("boss", is_staff=True).get("").json()["total"] == 1

    def test_must_be_right(self, db):
        api = Api(Client(headers={"Authorization": "Token wrong"}))
        error_of(api.get(""), 401, "AuthenticationError")

    def test_need_no_csrf_token(self, agent):
        api = token_holder("ann")
        api.client.handler.enforce_csrf_checks = True
        body = {"agentId": str(agent.pk), "userId": api.user_id}
        assert api.post("", body).status_code == 201


def test_the_projects_own_api_keeps_its_ways(client, admin_user):
    client.force_login(admin_user)
    accept = {"Accept": "text/html; version=7"}
    response = client.get("/own/", headers=accept)
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")
    assert response.content.startswith(b"Oh dear")
    assert Client().get("/own/", headers=accept).content.startswith(b"Oh dear")


def test_the_project_really_is_different(settings):
    assert settings.APPEND_SLASH is False
    assert connection.settings_dict["ATOMIC_REQUESTS"] is True
