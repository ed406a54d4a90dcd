"""The backend that is shipped for tests."""

import time
import uuid

import pytest

from django_eliza_sessions.backends import AgentReply, ReplyRequest
from django_eliza_sessions.testing.backends import ScriptedBackend


def request(**options):
    return ReplyRequest(
        agent_id=uuid.uuid4(),
        agent_name="Eliza",
        session_id=uuid.uuid4(),
        user_id=uuid.uuid4(),
        message_id=uuid.uuid4(),
        content="Hello",
        metadata={},
        attachments=(),
        history=(),
        options=options,
    )


def test_follows_the_script():
    options = {"text": "Hi.", "thought": "Hm.", "actions": ["GREET"]}

    assert ScriptedBackend({}).reply(request(**options)) == AgentReply(
        text="Hi.", thought="Hm.", actions=("GREET",)
    )


def test_has_something_to_say_without_one():
    assert ScriptedBackend({}).reply(request()) == AgentReply(text="Scripted.")


def test_fails_on_demand():
    with pytest.raises(RuntimeError, match="no model"):
        ScriptedBackend({}).reply(request(error="no model"))


def test_takes_its_time(monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)

    ScriptedBackend({}).reply(request(delay=3))

    assert slept == [3]


def test_remembers_what_it_was_asked():
    asked = request()

    ScriptedBackend({}).reply(asked)

    assert ScriptedBackend.requests == [asked]
