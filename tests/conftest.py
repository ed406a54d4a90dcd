"""Fixtures of all tests: a clock to move, things to make, a client, and helpers."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from django_eliza_sessions.models import Agent, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle
from django_eliza_sessions.testing.backends import ScriptedBackend

BASE = "/api/messaging/sessions"
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Time stands still at noon; move it with ``clock.shift(timedelta(...))``."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def forgetful_backend() -> None:
    ScriptedBackend.requests.clear()


@pytest.fixture
def agent_factory(db: None) -> Callable[..., Agent]:
    """Make agents that answer by script; give any field."""

    def make(**fields: Any) -> Agent:
        return Agent.objects.create(**{"name": "Eliza", "backend": "scripted"} | fields)

    return make


@pytest.fixture
def agent(agent_factory: Callable[..., Agent]) -> Agent:
    return agent_factory()


@pytest.fixture
def session_factory(agent: Agent) -> Callable[..., Session]:
    """Make sessions through the service; give any of its arguments."""

    def make(**arguments: Any) -> Session:
        return lifecycle.create_session(
            **{"principal": SYSTEM, "agent_id": agent.pk, "user_id": uuid.uuid4()}
            | arguments
        )

    return make


@pytest.fixture
def session(session_factory: Callable[..., Session]) -> Session:
    """A session with the default timeouts: 30 minutes idle, 720 at most."""
    return session_factory()


class Api:
    """Django's test client, speaking JSON below the contract's base path."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, path: str = "", **query: Any) -> Any:
        return self.client.get(BASE + path, query)

    def post(self, path: str = "", body: Any = None, **extra: Any) -> Any:
        return self._send("POST", path, body, **extra)

    def patch(self, path: str, body: Any = None, **extra: Any) -> Any:
        return self._send("PATCH", path, body, **extra)

    def delete(self, path: str) -> Any:
        return self.client.delete(BASE + path)

    def _send(self, method: str, path: str, body: Any, **extra: Any) -> Any:
        if body is None:
            return self.client.generic(method, BASE + path, **extra)
        return self.client.generic(
            method,
            BASE + path,
            body if isinstance(body, bytes) else _json(body),
            content_type=extra.pop("content_type", "application/json"),
            **extra,
        )


def _json(body: Any) -> str:
    import json

    return json.dumps(body)


@pytest.fixture
def api(db: None) -> Api:
    return Api(Client())


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)
