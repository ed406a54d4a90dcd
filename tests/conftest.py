"""Fixtures of all tests: a clock to move, things to make, a client, and helpers."""

import os
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.dispatch import Signal
from django.test import Client

from django_eliza_sessions.backends import AgentBackend, backends
from django_eliza_sessions.models import Agent, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import answering, jobs, lifecycle
from django_eliza_sessions.testing.backends import ScriptedBackend
from tests.openapi.conformance import ConformingClient
from tests.prompted import PromptedBackend, Prompter
from tests.webhooks.receiver import Receiver, receiving

BASE = "/api/messaging/sessions"
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("postgresql") and connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL (DATABASE_URL=postgres://…)")


@pytest.fixture
def configure(settings: Any) -> Callable[..., None]:
    """Set keys of ``ELIZA_SESSIONS`` for this test."""

    def change(**keys: Any) -> None:
        settings.ELIZA_SESSIONS = settings.ELIZA_SESSIONS | keys

    return change


@pytest.fixture
def received() -> Iterator[Callable[[Signal], list[dict[str, Any]]]]:
    """Call it with a signal to get the list that the announcements will fill."""
    connected = []

    def listen(signal: Signal) -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []

        def receiver(**arguments: Any) -> None:
            heard.append(arguments)

        signal.connect(receiver)
        connected.append((signal, receiver))
        return heard

    yield listen
    for signal, receiver in connected:
        signal.disconnect(receiver)


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
def made_backend(agent: Agent) -> AgentBackend:
    """The agent's backend, which this process has made: then it knows what to tell it."""
    return backends[agent.backend]


@pytest.fixture
def prompter(
    agent: Agent, configure: Callable[..., None], settings: Any
) -> Iterator[Prompter]:
    """Have the agent say its lines when they are prompted."""
    configure(
        BACKENDS=settings.ELIZA_SESSIONS["BACKENDS"]
        | {"prompted": {"BACKEND": f"{PromptedBackend.__module__}.PromptedBackend"}}
    )
    agent.backend = "prompted"
    agent.save()
    yield Prompter()
    for thread in threading.enumerate():
        if thread.name.startswith(("eliza-backend-", "eliza-rest-")):
            thread.join(20)


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
    """A test client, speaking JSON below the contract's base path.

    The fixture's client holds every response against the OpenAPI document.
    """

    def __init__(self, client: Client, user_id: object = None) -> None:
        self.client = client
        #: Whom this caller opens sessions for.
        self.user_id = str(user_id or uuid.uuid4())

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
def on_threads(transactional_db: None) -> Iterator[None]:
    """Leave nothing behind that is still at it when the tables are emptied."""
    yield
    answering._threads().shutdown()
    answering._threads.cache_clear()
    for name in jobs.JOBS:
        jobs._thread(name).submit(int).result(60)


@pytest.fixture
def webhooks_allowed(configure: Callable[..., None]) -> None:
    """Let webhooks go to this machine, without TLS."""
    configure(WEBHOOK_ALLOW_HTTP=True, WEBHOOK_ALLOWED_NETWORKS=["127.0.0.0/8"])


@pytest.fixture
def receiver(webhooks_allowed: None) -> Iterator[Receiver]:
    """A server that takes webhooks, and remembers them."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Any]:
    """A Redis of the test's own, to be killed."""
    from tests.servers import Redis  # It needs what is below.

    redis = Redis(tmp_path)
    yield redis
    redis.kill()


@pytest.fixture
def api(db: None) -> Api:
    return Api(ConformingClient())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape lone surrogates in captured logs: xdist's workers cannot send them."""
    report = yield
    report.sections = [
        (title, text.encode(errors="backslashreplace").decode())
        for title, text in report.sections
    ]
    return report


def need(condition: bool, reason: str) -> None:
    """Skip the test where its condition is not met; fail where nothing may be skipped."""
    if condition:
        return
    if os.environ.get("ELIZA_TESTS_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)
