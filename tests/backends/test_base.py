"""What every backend is made of."""

import uuid

import pytest

from django_eliza_sessions.backends import AgentBackend, AgentReply, ReplyRequest
from django_eliza_sessions.backends.echo import EchoBackend


@pytest.mark.parametrize(
    ("reply", "metadata"),
    [
        pytest.param(AgentReply(text="Hi."), {}, id="text-only"),
        pytest.param(AgentReply(text="", thought=""), {"thought": ""}, id="thought"),
        pytest.param(
            AgentReply(text="", thought="Hm.", actions=("A", "B")),
            {"thought": "Hm.", "actions": ["A", "B"]},
            id="both",
        ),
    ],
)
def test_metadata_of_a_reply(reply, metadata):
    assert reply.metadata() == metadata


def test_backend_must_be_able_to_reply():
    with pytest.raises(TypeError, match="abstract"):
        AgentBackend({})


def test_backend_has_nothing_to_complain_about_unless_it_says_so():
    assert EchoBackend({}).check() == []
    assert EchoBackend({"model": "x"}).check() == [
        "OPTIONS has no use for model; it must be empty."
    ]


def test_echo_says_what_it_hears():
    request = ReplyRequest(
        agent_id=uuid.uuid4(),
        agent_name="Echo",
        session_id=uuid.uuid4(),
        user_id=uuid.uuid4(),
        message_id=uuid.uuid4(),
        content=" Hello 😀 ",
        metadata={},
        attachments=(),
        history=(),
        options={},
    )

    assert EchoBackend({}).reply(request) == AgentReply(text=" Hello 😀 ")
