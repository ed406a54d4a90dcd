"""The outbox: what happens to a session is told by one gapless sequence of events."""

from contextlib import suppress

import pytest
from django.db import IntegrityError, transaction

from django_eliza_sessions.backends import AgentReply
from django_eliza_sessions.models import Event, Message
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.holding import (
    add_chunk,
    complete_reply,
    fail_reply,
    take_reply,
)
from django_eliza_sessions.services.lifecycle import end_session, expire_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.outbox import read_occurrences
from django_eliza_sessions.services.replies import cancel_reply
from django_eliza_sessions.services.sweep import sweep_sessions
from tests.conftest import minutes

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("handed_out", "asked_for"),
]


def take(session, *chunks):
    """Take the reply to a new message, and say something."""
    sent = send_message(principal=SYSTEM, session_id=session.pk, content="Hello")
    reply = take_reply(sent.reply.pk)
    for chunk in chunks:
        add_chunk(reply, chunk)
    return reply


def cancel(reply):
    cancel_reply(principal=SYSTEM, session_id=reply.session_id, message_id=reply.message_id)


def end(session):
    end_session(principal=SYSTEM, session_id=session.pk)


def told(session):
    """The kinds of a session's events; their numbers have no gaps."""
    events = list(session.events.order_by("sequence"))
    session.refresh_from_db()
    assert [event.sequence for event in events] == [*range(1, session.last_sequence + 1)]
    return [event.kind for event in events]


def test_tells_of_an_answered_message(session):
    complete_reply(take(session), AgentReply(text="Hi."))

    assert told(session) == ["created", "message", "message", "reply_complete"]


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        pytest.param([], [], id="before-the-first-word"),
        pytest.param(["Hel"], ["message"], id="in-the-middle"),
    ],
)
@pytest.mark.parametrize(
    ("stop", "kinds"),
    [
        pytest.param(lambda r: fail_reply(r, "no"), ["reply_failed"], id="fail"),
        pytest.param(cancel, ["reply_cancelled"], id="cancel"),
        pytest.param(
            lambda r: end(r.session), ["reply_cancelled", "ended"], id="end-of-session"
        ),
        pytest.param(
            lambda r: expire_session(principal=SYSTEM, session_id=r.session_id),
            ["reply_cancelled", "expired"],
            id="expiry-by-hand",
        ),
    ],
)
def test_tells_of_a_reply_stopped(session, chunks, said, stop, kinds):
    stop(take(session, *chunks))

    assert told(session) == ["created", "message", *said, *kinds]


def test_tells_of_a_reply_before_the_expiry_that_stopped_it(session, clock):
    take(session, "Hel")
    clock.shift(minutes(30))
    sweep_sessions()

    assert told(session) == [
        *("created", "message", "message", "reply_cancelled", "expired"),
    ]


def test_tells_of_each_warning_and_the_expiry(session, clock):
    clock.shift(minutes(25))
    sweep_sessions()
    clock.shift(minutes(5))
    sweep_sessions()

    assert told(session) == ["created", "warned", "expired"]


def test_is_written_with_the_change_or_not_at_all(session, asked_for):
    asked_for.clear()
    with suppress(IntegrityError), transaction.atomic():
        end(session)
        raise IntegrityError

    assert told(session) == ["created"]
    assert asked_for == []


def test_has_its_events_relayed_after_the_commit(
    session, asked_for, django_capture_on_commit_callbacks
):
    asked_for.clear()
    with django_capture_on_commit_callbacks(execute=True):
        end(session)
        assert asked_for == []

    assert asked_for == ["relay_events"]


def test_reads_what_events_are_about(session, django_assert_num_queries):
    reply = take(session, "Hel")
    fail_reply(reply, "no")
    events = list(session.events.select_related("session").order_by("sequence"))

    with django_assert_num_queries(2):
        created, asked, said, failed = read_occurrences(events)
        assert {o.event.session for o in (created, asked, said, failed)} == {session}
        assert said.message.session == failed.reply.session == session

    assert (created.message, created.reply) == (None, None)
    assert asked.message == reply.message
    assert said.message == Message.objects.get(is_agent=True)
    assert (failed.reply, failed.message) == (reply, said.message)


def test_reads_of_a_reply_without_a_word(session):
    cancel(take(session))

    (occurrence,) = read_occurrences(
        session.events.filter(kind=Event.Kind.REPLY_CANCELLED).select_related("session")
    )
    assert occurrence.message is None
