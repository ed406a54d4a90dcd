"""The released JavaScript client, unmodified, against a real server."""

import json
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle
from tests import npm
from tests.api.shapes import (
    CREATED_SESSION,
    HISTORY_MESSAGE,
    PARTS,
    SESSION_INFO,
    SESSION_STATUS,
    USER_MESSAGE,
    assert_timestamp,
)
from tests.services.race import wait_until

HERE = Path(__file__).parent
KEY = "client's key"
USER = "9f8e7d6c-5b4a-4c3d-8e2f-1a0b9c8d7e6f"


@pytest.fixture(scope="session")
def node() -> str:
    return npm.install(HERE, "@elizaos/api-client")


@pytest.fixture
def run(node, live_server, configure) -> Callable[..., list[Any]]:
    """Run steps, each a method's name and its arguments, and return their results."""
    configure(ACCESS="key", ELIZA_SERVER_AUTH_TOKEN=KEY)

    def steps(*steps: tuple[Any, ...], key: str = KEY) -> list[Any]:
        finished = subprocess.run(
            [node, HERE / "sessions.mjs", live_server.url, key],
            input=json.dumps([{"method": m, "args": args} for m, *args in steps]),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(finished.stdout)

    return steps


@pytest.fixture
def call(run) -> Callable[..., Any]:
    """Call one method and return its value."""

    def one(method: str, *args: Any) -> Any:
        (result,) = run((method, *args))
        assert result.keys() == {"value"}, result
        return result["value"]

    return one


@pytest.fixture
def fail(run) -> Callable[..., Any]:
    """Call one method and return the ``ApiError`` it throws."""

    def one(method: str, *args: Any, **options: Any) -> Any:
        (result,) = run((method, *args), **options)
        assert result.keys() == {"error"}, result
        error = result["error"]
        assert error["name"] == "ApiError"
        assert isinstance(error["details"], str)
        assert error["details"]
        return error

    return one


def wait_for_messages(session: Session, count: int) -> None:
    """Let the replies on other threads be stored before their tables go."""
    wait_until(lambda: session.messages.count() == count, "the replies")


class TestEveryMethod:
    def test_check_health(self, call):
        health = call("checkHealth")
        assert health["status"] == "healthy"
        assert health["activeSessions"] == 0
        assert_timestamp(health["timestamp"])

    def test_create_session(self, call, agent):
        metadata = {"platform": "web", "beta": True, "visits": 3}
        created = call(
            "createSession",
            {"agentId": str(agent.pk), "userId": USER, "metadata": metadata},
        )
        assert created.keys() == CREATED_SESSION
        assert uuid.UUID(created["sessionId"]) == Session.objects.get().pk
        assert (created["agentId"], created["userId"]) == (str(agent.pk), USER)
        assert created["metadata"] == metadata
        assert_timestamp(created["createdAt"])

    def test_get_session(self, call, session):
        info = call("getSession", str(session.pk))
        assert info.keys() == SESSION_INFO
        assert info["sessionId"] == str(session.pk)
        assert_timestamp(info["lastActivity"])

    def test_send_message(self, call, session):
        sent = call("sendMessage", str(session.pk), {"content": "Hello"})
        wait_for_messages(session, 2)
        assert sent.keys() == PARTS
        assert sent["success"] is True
        assert sent["userMessage"].keys() == USER_MESSAGE
        assert sent["userMessage"]["content"] == "Hello"
        assert sent["sessionStatus"].keys() == SESSION_STATUS
        assert sent["sessionStatus"]["wasRenewed"] is True

    def test_send_message_sync(self, call, agent_factory, session_factory):
        agent = agent_factory(
            backend_options={"text": "42", "thought": "Hm.", "actions": ["REPLY"]}
        )
        session = session_factory(agent_id=agent.pk)
        image = {"type": "image", "url": "https://example.com/a.png"}
        sent = call(
            "sendMessageSync",
            str(session.pk),
            {"content": "Hello", "metadata": {"tags": ["a"]}, "attachments": [image]},
        )
        assert sent.keys() == PARTS | {"agentResponse"}
        assert sent["agentResponse"] == {
            "text": "42",
            "thought": "Hm.",
            "actions": ["REPLY"],
        }
        assert sent["userMessage"]["metadata"] == {"tags": ["a"]}
        assert sent["userMessage"]["attachments"] == [image]

    def test_get_messages(self, run, session):
        hello = (str(session.pk), {"content": "Hello"})
        _, result = run(("sendMessageSync", *hello), ("getMessages", str(session.pk)))
        page = result["value"]
        assert page["hasMore"] is False
        answer, message = page["messages"]
        assert answer.keys() == message.keys() == HISTORY_MESSAGE
        assert (answer["isAgent"], answer["content"]) == (True, "Scripted.")
        assert (message["isAgent"], message["content"]) == (False, "Hello")

    def test_delete_session(self, call, session):
        assert call("deleteSession", str(session.pk))["success"] is True
        assert Session.objects.get().close_reason == "ended"

    def test_list_sessions(self, call, session):
        listed = call("listSessions")
        assert listed["total"] == 1
        assert listed["sessions"][0].keys() == SESSION_INFO
        assert listed["sessions"][0]["sessionId"] == str(session.pk)


class TestPaging:
    FORMS = {
        "number": lambda moment: int(moment.timestamp() * 1000),
        "Date": lambda moment: {"$date": round(moment.timestamp() * 1000)},
        "UTC string": lambda moment: moment.isoformat(timespec="milliseconds"),
        "Z string": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }

    @pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
    def test_takes_a_moment_in_any_form(self, run, session, form):
        path = str(session.pk)
        run(*(("sendMessageSync", path, {"content": f"{n}"}) for n in range(3)))
        messages = list(session.messages.order_by("created_at"))
        pivot = form(messages[2].created_at)
        before, after, newest = run(
            ("getMessages", path, {"before": pivot}),
            ("getMessages", path, {"after": pivot, "limit": 2}),
            ("getMessages", path, {"limit": 1}),
        )
        assert ids_of(before) == [str(m.pk) for m in messages[:2]][::-1]
        assert before["value"]["hasMore"] is False
        assert ids_of(after) == [str(m.pk) for m in messages[3:5]][::-1]
        assert after["value"]["hasMore"] is True
        assert ids_of(newest) == [str(messages[5].pk)]


def ids_of(result: Any) -> list[str]:
    return [message["id"] for message in result["value"]["messages"]]


class TestError:
    def test_of_a_bad_request(self, fail, agent):
        error = fail("createSession", {"agentId": str(agent.pk), "userId": "me"})
        assert (error["status"], error["code"]) == (400, "VALIDATION_ERROR")
        assert error["message"] == "Invalid UUID"
        assert error["details"].startswith("userId must be a UUID")

    def test_of_an_unknown_agent(self, fail):
        error = fail("createSession", {"agentId": USER, "userId": USER})
        assert (error["status"], error["code"]) == (404, "AGENT_NOT_FOUND")

    @pytest.mark.parametrize("method", ["getSession", "getMessages", "deleteSession"])
    def test_of_an_unknown_session(self, fail, method):
        error = fail(method, USER)
        assert (error["status"], error["code"]) == (404, "SESSION_NOT_FOUND")
        assert error["message"] == "Session not found"
        assert USER in error["details"]

    @pytest.mark.parametrize(
        "step",
        [("getSession",), ("getMessages",), ("sendMessage", {"content": "x"})],
        ids=lambda step: step[0],
    )
    def test_of_an_expired_session(self, fail, session, step):
        lifecycle.expire_session(principal=SYSTEM, session_id=session.pk)
        method, *arguments = step
        error = fail(method, str(session.pk), *arguments)
        assert (error["status"], error["code"]) == (410, "SESSION_EXPIRED")
        assert error["message"] == "Session has expired"

    def test_of_a_bad_message(self, fail, session):
        error = fail("sendMessage", str(session.pk), {"content": "x" * 4001})
        assert (error["status"], error["code"]) == (400, "VALIDATION_ERROR")

    def test_of_a_wrong_key(self, fail):
        error = fail("listSessions", key="wrong")
        assert (error["status"], error["code"]) == (401, "UNAUTHORIZED")


def test_the_lock_file_names_no_registry():
    lock = json.loads((HERE / "package-lock.json").read_text())
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]
    client = lock["packages"]["node_modules/@elizaos/api-client"]
    assert client["version"] == "1.7.2"
