"""POST …/messages/{messageId}/cancel."""

import uuid

import pytest

from django_eliza_sessions.models import Message, Reply
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import end_session
from tests.api.shapes import error_of
from tests.conftest import minutes
from tests.services.race import together, wait_until

HELLO = {"content": "Hello", "transport": "http"}
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clock")]


@pytest.fixture
def running(api, session, prompter):
    """The path of a message whose reply has begun."""
    sent = api.post(f"/{session.pk}/messages", {"content": "Hello"}).json()
    prompter.say("Hel")
    wait_until(lambda: Reply.objects.get().chunk_count, "the first word")
    return f"/{session.pk}/messages/{sent['id']}"


def test_stops_the_agent_and_keeps_what_was_said(api, session, prompter, running):
    response = api.post(f"{running}/cancel")

    prompter.wait_for_silence()
    assert response.status_code == 200
    body = response.json()
    assert body.keys() == {"success", "data"}
    assert body["data"] == api.get(f"{running}/reply").json()
    assert body["data"]["status"] == "cancelled"
    assert body["data"]["error"]["code"] == "REPLY_CANCELLED"
    assert body["data"]["agentResponse"] == {"text": "Hel", "incomplete": True}
    newest = api.get(f"/{session.pk}/messages").json()["messages"][0]
    assert newest["content"] == "Hel"
    assert newest["metadata"] == {"incomplete": True}
    assert newest["id"] == body["data"]["id"]


def test_again_is_the_same(api, running):
    first = api.post(f"{running}/cancel")
    again = api.post(f"{running}/cancel")
    assert (again.status_code, again.content) == (200, first.content)
    assert Message.objects.filter(is_agent=True).count() == 1


def test_many_times_at_once_is_the_same(api, running):
    bodies = together([lambda: api.post(f"{running}/cancel").content] * 8)
    assert len(set(bodies)) == 1
    assert Message.objects.filter(is_agent=True).count() == 1


def test_of_one_that_waits(api, session, running, prompter):
    second = api.post(f"/{session.pk}/messages", {"content": "Second"}).json()["id"]

    body = api.post(f"/{session.pk}/messages/{second}/cancel").json()

    assert body["data"]["status"] == "cancelled"
    assert "agentResponse" not in body["data"]
    prompter.finish()
    wait_until(lambda: not Reply.objects.unfinished().exists(), "the first")
    assert Message.objects.get(is_agent=True).content == "Hel"


@pytest.mark.parametrize("options", [{}, {"error": "no model"}], ids=["complete", "failed"])
def test_too_late(api, session, agent, caplog, options):
    agent.backend_options = options
    agent.save()
    api.client.raise_request_exception = False
    api.post(f"/{session.pk}/messages", HELLO)
    message = Message.objects.get(is_agent=False)

    response = api.post(f"/{session.pk}/messages/{message.pk}/cancel")

    error = error_of(response, 409, "ReplyAlreadyCompleteError")
    assert error["code"] == "REPLY_ALREADY_COMPLETE"
    assert error["context"] == {"messageId": str(message.pk)}


@pytest.mark.parametrize("message", ["x", str(uuid.UUID(int=0))])
def test_of_no_message(api, session, message):
    response = api.post(f"/{session.pk}/messages/{message}/cancel")
    error_of(response, 404, "NotFoundError")


def test_in_a_session_that_is_over(api, clock, session):
    sent = api.post(f"/{session.pk}/messages", HELLO).json()
    path = f"/{session.pk}/messages/{sent['id']}/cancel"
    clock.shift(minutes(30))
    error_of(api.post(path), 410, "SessionExpiredError")
    end_session(principal=SYSTEM, session_id=session.pk)
    error_of(api.post(path), 404, "SessionNotFoundError")
