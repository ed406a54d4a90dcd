"""Every event of the contract's table, to the letter."""

from datetime import timedelta

import pytest
import socketio

from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.realtime.threads import in_thread
from django_eliza_sessions.services import lifecycle, messages, replies
from django_eliza_sessions.services.sweep import sweep_sessions
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)
SERVER = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(autouse=True)
def frozen(clock):
    """Have time stand still before anything is made."""
    return clock


@pytest.fixture
def socket(connect, session):
    socket = connect()
    socket.join(session)
    return socket


def send(session, text="Hello", **options):
    return messages.send_message(
        principal=SYSTEM, session_id=session.pk, content=text, **options
    )


def place(sequence, session):
    event = session.events.get(sequence=sequence)
    return {"eventId": str(event.pk), "sequence": sequence}


def test_reply(socket, session, agent, prompter):
    sent = send(session)
    channel = str(session.pk)
    agents = {
        "messageId": str(sent.reply.answer_id),
        "agentId": str(agent.pk),
        "channelId": channel,
    }
    prompter.say("Good ", "day.")
    chunks = [socket.wait_for("messageStreamChunk", n) for n in (1, 2)]
    assert chunks == [
        agents | {"chunk": "Good ", "index": 0},
        agents | {"chunk": "day.", "index": 1},
    ]
    prompter.finish(thought="Polite.", actions=("REPLY",))
    assert socket.wait_for("messageComplete") == {
        "channelId": channel,
        "serverId": SERVER,
        "sessionId": channel,
    } | place(4, session)
    where = {
        "roomId": channel,
        "channelId": channel,
        "serverId": SERVER,
        "sessionId": channel,
    }
    assert socket.wait_for("messageBroadcast") == where | place(2, session) | {
        "id": str(sent.message.pk),
        "senderId": str(session.user_id),
        "senderName": "User",
        "text": "Hello",
        "createdAt": NOON.timestamp() * 1000,
        "source": "user",
    }
    answer = socket.wait_for("messageBroadcast", 2)
    assert answer == where | place(3, session) | {
        "id": str(sent.reply.answer_id),
        "senderId": str(agent.pk),
        "senderName": "Eliza",
        "text": "Good day.",
        "createdAt": NOON.timestamp() * 1000 + 1,
        "source": "agent_response",
        "thought": "Polite.",
        "actions": ["REPLY"],
    }


def test_failed_reply(socket, session, agent, prompter):
    sent = send(session)
    prompter.say("Good ")
    socket.wait_for("messageStreamChunk")
    prompter.fail("the secret of the operator")
    error = socket.wait_for("messageStreamError")
    assert error == {
        "messageId": str(sent.reply.answer_id),
        "channelId": str(session.pk),
        "agentId": str(agent.pk),
        "error": "The agent failed to answer.",
        "partialText": "Good ",
    } | place(error["sequence"], session)
    assert "secret" not in str(socket.told)


def test_cancelled_reply(socket, session, agent, prompter):
    sent = send(session)
    replies.cancel_reply(
        principal=SYSTEM, session_id=session.pk, message_id=sent.message.pk
    )
    error = socket.wait_for("messageStreamError")
    assert error == {
        "messageId": str(sent.reply.answer_id),
        "channelId": str(session.pk),
        "agentId": str(agent.pk),
        "error": "The reply was cancelled.",
    } | place(3, session)
    prompter.finish()


def test_warning_and_expiration(socket, session, clock):
    clock.shift(timedelta(minutes=25, seconds=8))
    sweep_sessions()
    assert socket.wait_for("sessionExpirationWarning") == {
        "sessionId": str(session.pk),
        "minutesRemaining": 5,
        "expiresAt": "2026-01-01T12:30:00.000Z",
    } | place(2, session)
    clock.shift(timedelta(minutes=5))
    sweep_sessions()
    assert socket.wait_for("sessionExpired") == {
        "sessionId": str(session.pk),
        "expiredAt": "2026-01-01T12:30:00.000Z",
    } | place(3, session)


def test_a_warning_is_left_out_once_renewed(connect, session, clock):
    clock.shift(timedelta(minutes=25))
    sweep_sessions()
    lifecycle.renew_session(principal=SYSTEM, session_id=session.pk)
    send(session)
    socket = connect()
    socket.join(session, afterSequence=1)
    socket.wait_for("messageBroadcast")
    assert "sessionExpirationWarning" not in socket.names()


def test_a_warning_is_taken_back_when_renewed_in_that_moment(
    connect, session, clock, monkeypatch
):
    """The renewal comes once the warning was found to stand, and before it leaves."""
    emit = socketio.AsyncServer.emit

    async def renew_and_emit(server, name, *arguments, **options):
        if name == "sessionExpirationWarning":
            await in_thread(
                lifecycle.renew_session, principal=SYSTEM, session_id=session.pk
            )
        await emit(server, name, *arguments, **options)

    monkeypatch.setattr(socketio.AsyncServer, "emit", renew_and_emit)
    clock.shift(timedelta(minutes=25))
    sweep_sessions()
    socket = connect()
    socket.join(session, afterSequence=1)
    socket.wait_for("sessionExpirationWarning")
    socket.wait_for("sessionRenewed", count=2)
    told = [name for name in socket.names() if name.startswith("session")]
    assert told[-1] == "sessionRenewed"


def test_renewal(socket, session, clock):
    clock.shift(timedelta(minutes=1))
    lifecycle.renew_session(principal=SYSTEM, session_id=session.pk)
    assert socket.wait_for("sessionRenewed") == {
        "sessionId": str(session.pk),
        "expiresAt": "2026-01-01T12:31:00.000Z",
        "renewalCount": 1,
    }


def test_end(socket, session):
    lifecycle.end_session(principal=SYSTEM, session_id=session.pk)
    assert socket.wait_for("sessionEnded") == {
        "sessionId": str(session.pk),
        "endedAt": "2026-01-01T12:00:00.000Z",
    } | place(2, session)


def test_a_users_own_name(socket, session, prompter):
    send(session, metadata={"user_display_name": "Ada"})
    assert socket.wait_for("messageBroadcast")["senderName"] == "Ada"
    prompter.finish("Done.")
    socket.wait_for("messageComplete")
