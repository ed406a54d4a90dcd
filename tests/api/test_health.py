"""GET /api/messaging/sessions/health."""

import json
import os
import socket
import subprocess
import sys
from datetime import timedelta

import pytest

from django_eliza_sessions.services import relay, sweep
from tests.api.shapes import TIMESTAMP
from tests.conftest import BASE, Api, minutes
from tests.openapi.conformance import ConformingClient

HEALTH = {"status", "activeSessions", "expiringSoon", "timestamp", "uptime"}


def test_has_exactly_the_documented_shape(api, clock):
    response = api.get("/health")
    assert response.status_code == 200
    health = response.json()
    assert isinstance(health.pop("uptime"), int | float)
    assert health == {
        "status": "healthy",
        "activeSessions": 0,
        "expiringSoon": 0,
        "timestamp": "2026-01-01T12:00:00.000Z",
    }


def test_counts_active_sessions_and_those_near_their_end(api, clock, session_factory):
    for timeout in (5, 30, 60):
        session_factory(timeouts={"timeout_minutes": timeout})
    health = api.get("/health").json()
    assert (health["activeSessions"], health["expiringSoon"]) == (3, 1)
    clock.shift(minutes(26))
    health = api.get("/health").json()
    assert (health["activeSessions"], health["expiringSoon"]) == (2, 1)


@pytest.mark.parametrize(
    ("late", "status"), [(30, "healthy"), (30.001, "degraded")], ids=str
)
def test_is_degraded_when_no_sweep_runs(api, clock, session_factory, late, status):
    # Due at 12:00, which is already within its warning threshold.
    session_factory(timeouts={"timeout_minutes": 5})
    relay.relay_events()
    clock.shift(timedelta(seconds=late) - timedelta(milliseconds=1))
    response = api.get("/health")
    assert (response.status_code, response.json()["status"]) == (200, status)
    sweep.sweep_sessions()
    assert api.get("/health").json()["status"] == "healthy"


def test_is_public(closed_door, api):
    assert api.get("/health").status_code == 200
    with_wrong_key = Api(ConformingClient(headers={"X-API-KEY": "wrong"}))
    assert with_wrong_key.get("/health").status_code == 200


def test_works_with_a_trailing_slash(api):
    assert api.get("/health/").json().keys() == HEALTH


def test_is_found_although_it_looks_like_a_session_id(api):
    assert api.get("/health").json().keys() == HEALTH
    assert api.get("/HEALTH").status_code == 404


def test_needs_this_many_queries(api, session_factory, django_assert_num_queries):
    for _ in range(3):
        session_factory()
    with django_assert_num_queries(2):
        api.get("/health")


def test_is_unhealthy_when_the_database_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    # Nobody listens there any more.
    answers = ask_elsewhere(f"postgres://postgres@127.0.0.1:{port}/postgres")
    assert answers["GET /health"]["status"] == 503
    health = answers["GET /health"]["body"]
    assert health.keys() == HEALTH
    assert health["status"] == "unhealthy"
    assert (health["activeSessions"], health["expiringSoon"]) == (0, 0)
    assert TIMESTAMP.fullmatch(health["timestamp"])
    codes = {
        "GET ": "INTERNAL_SERVER_ERROR",
        "POST ": "SESSION_CREATION_FAILED",
        f"GET /{SOME_ID}": "INTERNAL_SERVER_ERROR",
        f"POST /{SOME_ID}/messages": "MESSAGE_SEND_FAILED",
    }
    for request, code in codes.items():
        assert answers[request]["status"] == 500
        assert answers[request]["body"]["error"]["code"] == code
        assert str(port) not in json.dumps(answers[request]["body"])


SOME_ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
SCRIPT = f"""
import json, django
django.setup()
from django.test import Client
from django.test.utils import setup_test_environment
setup_test_environment()
client, answers = Client(raise_request_exception=False), {{}}
body = {{"agentId": {SOME_ID!r}, "userId": {SOME_ID!r}, "content": "x"}}
for request in (
    "GET /health", "GET ", "POST ", "GET /{SOME_ID}", "POST /{SOME_ID}/messages"
):
    method, path = request.split(" ")
    response = client.generic(
        method, {BASE!r} + path, json.dumps(body), content_type="application/json"
    )
    answers[request] = {{"status": response.status_code, "body": response.json()}}
print(json.dumps(answers))
"""


def ask_elsewhere(database_url):
    """Ask a process of its own, on another database."""
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ
        | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(finished.stdout)
