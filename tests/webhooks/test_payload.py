"""What a webhook says."""

import json

import pytest

from django_eliza_sessions.models import Event, Reply
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.outbox import read_occurrences
from django_eliza_sessions.services.replies import cancel_reply
from django_eliza_sessions.services.sweep import sweep_sessions
from django_eliza_sessions.webhooks import TYPES, payload
from django_eliza_sessions.wire import history_message, write_json
from tests.conftest import minutes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def session(clock, session_factory):
    return session_factory(metadata={"colour": "red"})


def as_told(message):
    return json.loads(write_json(history_message(message)))


@pytest.fixture
def said(session):
    """Return the data of the session's newest event, once type and envelope are right."""

    def read(kind, type_):
        event = Event.objects.select_related("session").get(session=session, kind=kind)
        [occurrence] = read_occurrences([event])
        body = json.loads(payload(event, occurrence.reply, occurrence.message))
        data = body.pop("data")
        moment = event.created_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert body == {"type": type_, "timestamp": moment}
        assert {key: data.pop(key) for key in list(data)[:6]} == {
            "eventId": str(event.pk),
            "sequence": event.sequence,
            "sessionId": str(session.pk),
            "channelId": str(session.pk),
            "agentId": str(session.agent_id),
            "userId": str(session.user_id),
        }
        return data

    return read


def test_every_kind_has_a_type():
    assert list(TYPES) == Event.Kind.values


def test_created(said):
    assert said("created", "session.created") == {
        "createdAt": "2026-01-01T12:00:00.000Z",
        "expiresAt": "2026-01-01T12:30:00.000Z",
        "metadata": {"colour": "red"},
    }


def test_expiring_and_expired(said, clock):
    clock.shift(minutes(25.5))
    sweep_sessions()
    clock.shift(minutes(10))
    sweep_sessions()

    assert said("warned", "session.expiring") == {
        "expiresAt": "2026-01-01T12:30:00.000Z",
        "minutesRemaining": 4.5,
    }
    assert said("expired", "session.expired") == {"expiredAt": "2026-01-01T12:30:00.000Z"}


def test_ended(said, session, clock):
    clock.shift(minutes(1))
    end_session(principal=SYSTEM, session_id=session.pk)

    assert said("ended", "session.ended") == {"endedAt": "2026-01-01T12:01:00.000Z"}


def send(session, **arguments):
    return send_message(
        principal=SYSTEM, session_id=session.pk, content="Hello \N{SNOWMAN}", **arguments
    )


def test_message(said, session, configure):
    configure(REPLY_DISPATCHER="tests.services.conftest.remember")
    sent = send(
        session, attachments=[{"type": "image", "url": "https://example.com/a.png"}]
    )

    assert said("message", "message.created") == {"message": as_told(sent.message)}


def test_completed_reply(said, session):
    sent = send(session, transport="http")

    assert said("reply_complete", "reply.completed") == {
        "messageId": str(sent.message.pk),
        "message": as_told(sent.answer),
    }


def test_failed_reply(said, session):
    session.agent.backend_options = {"error": "no tokens"}
    session.agent.save()
    with pytest.raises(Exception, match="fail"):
        send(session, transport="http")

    assert said("reply_failed", "reply.failed") == {
        "messageId": str(Reply.objects.get().message_id),
        "error": {"code": "MESSAGE_SEND_FAILED"},
    }


def test_cancelled_reply(said, session, configure):
    configure(REPLY_DISPATCHER="tests.services.conftest.remember")
    sent = send(session)
    cancel_reply(principal=SYSTEM, session_id=session.pk, message_id=sent.message.pk)

    assert said("reply_cancelled", "reply.cancelled") == {
        "messageId": str(sent.message.pk),
        "error": {"code": "REPLY_CANCELLED"},
    }
