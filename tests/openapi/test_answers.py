"""Every operation is made to answer with every status that the document gives it."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.throttling import BaseThrottle

from django_eliza_sessions.api.views.base import ContractView
from django_eliza_sessions.models import Agent
from tests.openapi.conformance import STREAM, ConformingClient, operations

#: Streams are not among them: ``test_streams`` has those.
ANSWERS = [
    (name, int(status))
    for name, (_, _, operation) in operations().items()
    for status, response in operation["responses"].items()
    if list(response.get("content", ())) != [STREAM]
]
SUCCESS = {"createSession": 201, "sendSessionMessage": 201}


class Refuse(BaseAuthentication):
    """What a project's own authentication may do."""

    def authenticate(self, request: Any) -> None:
        raise PermissionDenied("Not from here.")


class Throttle(BaseThrottle):
    """What a project's own throttle may do."""

    def allow_request(self, request: Any, view: Any) -> bool:
        return False

    def wait(self) -> float:
        return 30


@contextmanager
def broken_database() -> Iterator[None]:
    def fail(execute: Any, sql: str, *arguments: Any) -> Any:
        if "SAVEPOINT" in sql:
            return execute(sql, *arguments)
        raise OperationalError("The server closed the connection.")

    with connection.execute_wrapper(fail):
        yield


class World:
    """An agent, a session with a message and its reply, and a way to call any operation."""

    def __init__(self, agent: Any, session: Any) -> None:
        self.agent_id, self.session_id = agent.pk, session.pk
        self.client = ConformingClient(raise_request_exception=False)
        self.message_id = ""
        self.send(transport="http")

    def send(self, **fields: str) -> None:
        """Send a message; without ``http`` its reply stays queued in these tests."""
        body = json.dumps({"content": "Hello"} | fields)
        self.message_id = self.call("sendSessionMessage", body=body).json()["id"]

    def path(self, name: str) -> str:
        return operations()[name][1].format(
            sessionId=self.session_id, messageId=self.message_id
        )

    def call(
        self,
        name: str,
        *,
        query: str = "",
        body: str | None = None,
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        method, _, operation = operations()[name]
        if body is None and "requestBody" in operation:
            body = json.dumps(self.body(name))
        return self.client.generic(
            method,
            self.path(name) + query,
            body or "",
            content_type=content_type,
            headers=headers,
        )

    def body(self, name: str) -> dict[str, Any]:
        return {
            "createSession": {"agentId": str(self.agent_id), "userId": str(uuid.uuid4())},
            "updateSessionTimeout": {"timeoutMinutes": 60},
            "sendSessionMessage": {"content": "Hello", "transport": "http"},
        }[name]


@pytest.fixture
def world(
    clock: Any,
    configure: Callable[..., None],
    agent_factory: Callable[..., Any],
    session_factory: Callable[..., Any],
) -> World:
    rates = {"caller": "999/minute"}
    configure(CREATE_LIMITS=rates, MESSAGE_LIMITS=rates)
    agent = agent_factory(backend_options={"thought": "Somebody!", "actions": ["REPLY"]})
    return World(agent, session_factory(agent_id=agent.pk, metadata={"a": [1, None]}))


def arguments_for(name: str, status: int) -> dict[str, Any]:
    """How to call an operation so that it answers with a status, where that is enough."""
    malformed = {"query": "?limit=0"} if operations()[name][0] == "GET" else {"body": "{"}
    if name == "getMessageReply":
        malformed = {"query": "?lastEventId=last", "Accept": STREAM}
    return {
        204: {"Last-Event-ID": "2", "Accept": STREAM},
        400: malformed,
        401: {"X-API-KEY": "wrong"},
        413: {"body": '{"content": ""}'},
        415: {"body": "content=Hello", "content_type": "text/plain"},
        422: {"Idempotency-Key": "7f3a"},
    }.get(status, {})


@pytest.fixture
def circumstances(
    world: World,
    clock: Any,
    configure: Callable[..., None],
    session_factory: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str, int], None]:
    """Make happen what an operation needs to answer with a status."""

    def lose() -> None:
        world.agent_id = world.session_id = uuid.uuid4()

    def reach_maximum() -> None:
        timeouts = {"timeout_minutes": 30, "max_duration_minutes": 30}
        world.session_id = session_factory(timeouts=timeouts).pk

    def reuse_key() -> None:
        world.call("createSession", **{"Idempotency-Key": "7f3a"})

    def use_up_rate() -> None:
        rates = {"caller": "1/day"}
        configure(CREATE_LIMITS=rates, MESSAGE_LIMITS=rates)
        world.call("createSession")
        world.call("sendSessionMessage")

    def queue_before_somebody_impatient() -> None:
        world.send()
        configure(HTTP_WAIT_SECONDS=1)

    def queue_before_somebody_polite() -> None:
        world.send()
        Agent.objects.update(when_busy=Agent.WhenBusy.REJECT)

    special = {
        ("cancelMessageReply", 200): world.send,
        ("createSession", 429): use_up_rate,
        ("sendSessionMessage", 429): use_up_rate,
        ("sendSessionMessage", 202): queue_before_somebody_impatient,
        ("sendSessionMessage", 409): queue_before_somebody_polite,
        ("renewSession", 422): reach_maximum,
    }
    usual: dict[int, Callable[[], Any]] = {
        403: lambda: monkeypatch.setattr(ContractView, "authentication_classes", [Refuse]),
        404: lose,
        410: lambda: clock.shift(timedelta(minutes=30)),
        413: lambda: configure(MAX_BODY_BYTES=10),
        422: reuse_key,
        429: lambda: monkeypatch.setattr(ContractView, "throttle_classes", [Throttle]),
    }
    return lambda name, status: special.get(
        (name, status), usual.get(status, lambda: None)
    )()


@pytest.mark.parametrize(("name", "status"), ANSWERS, ids=str)
def test_answers(name: str, status: int, world: World, circumstances: Any) -> None:
    circumstances(name, status)
    with broken_database() if status in (500, 503) else nullcontext():
        response = world.call(name, **arguments_for(name, status))
    assert response.status_code == status
    documented = operations()[name][2]["responses"][str(status)]
    assert documented.get("headers", {}).keys() <= response.headers.keys()


def test_last_event_id_is_given_once(world: World) -> None:
    query = "?lastEventId=1&lastEventId=2"
    assert world.call("getMessageReply", query=query, Accept=STREAM).status_code == 400


@pytest.mark.parametrize("message_id", ["nothing", str(uuid.UUID(int=1))])
@pytest.mark.parametrize("name", ["getMessageReply", "cancelMessageReply"])
def test_unknown_message_is_not_found(name: str, message_id: str, world: World) -> None:
    world.message_id = message_id
    response = world.call(name)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")


def test_tells_a_throttled_client_when_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ContractView, "throttle_classes", [Throttle])
    assert world.call("getSession")["Retry-After"] == "30"


def test_tells_an_unknown_client_how_to_authenticate(
    world: World, configure: Callable[..., None]
) -> None:
    configure(ACCESS="key")
    response = world.call("getSession")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "X-API-KEY"


@pytest.mark.parametrize("name", ["listSessions", "getSessionMessages"])
def test_limit_is_as_documented(name: str, world: World) -> None:
    limit = next(p for p in operations()[name][2]["parameters"] if p["name"] == "limit")
    smallest, largest = limit["schema"]["minimum"], limit["schema"]["maximum"]
    for value, status in [
        (smallest - 1, 400),
        (smallest, 200),
        (largest, 200),
        (largest + 1, 400),
    ]:
        assert world.call(name, query=f"?limit={value}").status_code == status


def test_default_limits_are_as_documented(
    world: World, session_factory: Callable[..., Any]
) -> None:
    for _ in range(100):
        session_factory()
        world.call("sendSessionMessage", body='{"content": "Hello"}')
    for name, items in [("listSessions", "sessions"), ("getSessionMessages", "messages")]:
        limit = next(p for p in operations()[name][2]["parameters"] if p["name"] == "limit")
        assert len(world.call(name).json()[items]) == limit["schema"]["default"]


@pytest.mark.parametrize("path", ["/nothing/at/all/here", "//", "/x/renew/again"])
def test_unknown_path_is_an_error(path: str, world: World) -> None:
    response = world.client.get(f"/api/messaging/sessions{path}")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["PUT", "TRACE", "BREW"])
@pytest.mark.parametrize("name", operations())
def test_undocumented_method_is_an_error(name: str, method: str, world: World) -> None:
    response = world.client.generic(method, world.path(name))
    assert response.status_code == 405
    assert response["Allow"]


@pytest.mark.parametrize("name", operations())
def test_trailing_slash_answers_the_same(name: str, world: World) -> None:
    method, _, operation = operations()[name]
    if name == "cancelMessageReply":
        world.send()
    body = json.dumps(world.body(name)) if "requestBody" in operation else ""
    response = world.client.generic(
        method, world.path(name) + "/", body, content_type="application/json"
    )
    assert response.status_code == SUCCESS.get(name, 200)
