"""Sending a message."""

from datetime import timedelta

import psycopg
import pytest
from django.db import connection

from django_eliza_sessions import signals
from django_eliza_sessions.backends import backends
from django_eliza_sessions.exceptions import (
    AgentNotFoundError,
    InvalidContentError,
    InvalidMetadataError,
    MessageSendError,
)
from django_eliza_sessions.models import Message, Reply, Session
from django_eliza_sessions.models.ids import new_id
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services.answering import answer_reply
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.replies import recover_replies
from django_eliza_sessions.services.storing import Transport
from tests.conftest import NOON, minutes
from tests.services.faults import (
    refuse_ends_of_replies,
    refuse_inserts,
    refuse_to_read_history,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("handed_out")]
IMAGE = {"type": "image", "url": "https://example.com/cat.png"}


def send(session, **arguments):
    return send_message(
        **{"principal": SYSTEM, "session_id": session.pk, "content": "Hello"} | arguments
    )


def test_stores_the_message(session):
    sent = send(session, content=" Hello \n", metadata={"b": 1}, attachments=[IMAGE])

    message = Message.objects.get()
    assert sent.message == message
    assert message.session == session
    assert message.author_id == session.user_id
    assert message.is_agent is False
    assert message.content == " Hello \n"
    assert message.metadata == {"b": 1}
    assert message.attachments == [IMAGE]
    assert message.created_at == NOON


def test_counts_and_renews(session, clock):
    clock.shift(minutes(10))

    sent = send(session)

    session.refresh_from_db()
    assert sent.was_renewed is True
    assert session.message_count == 1
    assert session.renewal_count == sent.session.renewal_count == 1
    assert session.last_activity_at == session.last_message_at == NOON + minutes(10)
    assert session.expires_at == sent.session.expires_at == NOON + minutes(40)


def test_tells_what_renews_from_what_does_not_in_one_millisecond(
    session_factory, clock, received, django_capture_on_commit_callbacks
):
    session = session_factory(timeouts={"max_duration_minutes": 40})
    renewed = received(signals.session_renewed)
    clock.shift(minutes(20))

    with django_capture_on_commit_callbacks(execute=True):
        sent = [send(session) for _ in range(3)]

    # The first one brings it to the hard deadline.
    assert [each.was_renewed for each in sent] == [True, False, False]
    assert {each.session.renewal_count for each in sent} == {1}
    assert len(renewed) == 1


@pytest.mark.parametrize(
    "timeouts",
    [
        pytest.param({"auto_renew": False}, id="without-auto-renew"),
        pytest.param({"max_duration_minutes": 20}, id="at-the-hard-deadline"),
    ],
)
def test_renews_nothing(session_factory, clock, timeouts):
    session = session_factory(timeouts=timeouts)
    expires_at = session.expires_at
    clock.shift(minutes(10))

    sent = send(session)

    session.refresh_from_db()
    assert sent.was_renewed is False
    assert session.renewal_count == 0
    assert session.expires_at == expires_at
    assert session.last_activity_at == NOON + minutes(10)


def test_times_are_a_millisecond_apart(session):
    times = [send(session).message.created_at for _ in range(3)]

    assert times == [NOON + timedelta(milliseconds=i) for i in range(3)]


def test_times_only_go_forward(session, clock):
    send(session)
    clock.shift(-timedelta(seconds=5))

    assert send(session).message.created_at == NOON + timedelta(milliseconds=1)


def test_announces(session, received, django_capture_on_commit_callbacks):
    created = received(signals.message_created)

    with django_capture_on_commit_callbacks(execute=True):
        sent = send(session)
        assert created == []

    assert [arguments["message"] for arguments in created] == [sent.message]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param({"content": ""}, InvalidContentError, id="content"),
        pytest.param({"metadata": []}, InvalidMetadataError, id="metadata"),
        pytest.param({"attachments": {}}, InvalidContentError, id="attachments"),
        pytest.param({"transport": "pigeon"}, InvalidContentError, id="transport"),
    ],
)
def test_refused_message_changes_nothing(session, clock, arguments, error):
    before = Session.objects.filter(pk=session.pk).values().get()
    clock.shift(minutes(10))

    with pytest.raises(error):
        send(session, **arguments)

    assert Session.objects.filter(pk=session.pk).values().get() == before
    assert not Message.objects.exists()


def test_disabled_agent_takes_no_messages(session, agent):
    agent.enabled = False
    agent.save()

    with pytest.raises(AgentNotFoundError):
        send(session)

    assert not Message.objects.exists()


def test_database_that_refuses(session):
    with connection.execute_wrapper(refuse_inserts), pytest.raises(MessageSendError):
        send(session)

    session.refresh_from_db()
    assert session.message_count == 0


@pytest.mark.postgresql  # Elsewhere it is not taken as it is stored.
@pytest.mark.parametrize("refuse", [refuse_to_read_history, refuse_ends_of_replies])
def test_message_whose_sender_fails_is_answered_by_somebody_else(
    session, clock, handed_out, caplog, refuse
):
    backends._made.clear()
    with connection.execute_wrapper(refuse):
        sent = send(session, transport="http")
    assert sent.is_still_answered
    reply = Reply.objects.get()
    assert (reply.status, reply.attempts) == ("running", 1)
    assert reply.lease_until > NOON + timedelta(seconds=10)

    clock.shift(minutes(1))
    assert recover_replies() == 1
    assert handed_out == [reply.pk]
    assert answer_reply(reply_id=reply.pk) is not None


class TestTransport:
    @pytest.mark.parametrize(
        ("word", "transport"),
        [
            (None, Transport.WEBSOCKET),
            ("websocket", Transport.WEBSOCKET),
            ("http", Transport.HTTP),
            ("sync", Transport.HTTP),
            ("sse", Transport.SSE),
            ("stream", Transport.SSE),
        ],
    )
    def test_accepts(self, word, transport):
        assert Transport.parse(word) is transport

    @pytest.mark.parametrize("word", ["", "HTTP", "pigeon", 7, [], {}], ids=repr)
    def test_refuses(self, word):
        with pytest.raises(InvalidContentError) as raised:
            Transport.parse(word)
        assert raised.value.field == "transport"

    def test_websocket_has_the_reply_dispatched_after_the_commit(
        self, session, handed_out, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            sent = send(session)
            assert handed_out == []

        reply = Reply.objects.get()
        assert sent.answer is None
        assert reply.message == sent.message
        assert reply.status == Reply.Status.QUEUED
        assert handed_out == [reply.pk]

    def test_http_returns_the_answer(
        self, session, agent, handed_out, django_capture_on_commit_callbacks
    ):
        agent.backend_options = {"text": "Hi.", "thought": "Polite.", "actions": ["GREET"]}
        agent.save()

        with django_capture_on_commit_callbacks(execute=True):
            sent = send(session, transport="http")

        assert sent.answer == Message.objects.get(is_agent=True)
        assert sent.answer.author_id == session.agent_id
        assert sent.answer.content == "Hi."
        assert sent.answer.metadata == {"thought": "Polite.", "actions": ["GREET"]}
        assert sent.answer.created_at > sent.message.created_at
        assert Reply.objects.get().status == Reply.Status.COMPLETE
        assert handed_out == []

    def test_http_with_a_failing_agent_keeps_the_message(self, session, agent):
        agent.backend_options = {"error": "no model"}
        agent.save()

        with pytest.raises(MessageSendError) as raised:
            send(session, transport="http")

        message = Message.objects.get()
        assert raised.value.context == {"message_id": str(message.pk)}
        assert message.reply.status == Reply.Status.FAILED


IN_ONE = connection.vendor == "postgresql"


class TestQueryCount:
    def test_websocket(self, session, django_assert_num_queries):
        # Savepoint, all in one, release; or session with agent, session, message, event
        # and reply in between.
        with django_assert_num_queries(3 if IN_ONE else 7):
            send(session)

    def test_http(self, session, made_backend, django_assert_num_queries):
        # Those, which on PostgreSQL take the reply and tell the history; otherwise taking
        # it: savepoint, update, what it is about, release; and the history. Completing it:
        # savepoint, all at once, release (or savepoint, session, session, answer, events,
        # reply, the next one, release).
        with django_assert_num_queries(6 if IN_ONE else 20):
            send(session, transport="http")

    @pytest.mark.postgresql
    def test_driver_need_not_parse_a_statement_twice(self, session, made_backend):
        """Psycopg keeps what it made of a text, unless that is too long."""
        asked = []

        def note(execute, sql, params, many, context):
            asked.append(len(sql))
            return execute(sql, params, many, context)

        agents = frozenset([session.agent_id, *(new_id() for _ in range(20))])
        caller = Principal(id=session.owner, agent_ids=agents)
        with connection.execute_wrapper(note):
            send(session, principal=caller, transport="http")

        assert len(asked) == 6  # So the one that takes the reply is among them.
        assert max(asked) <= psycopg._queries.MAX_CACHED_STATEMENT_LENGTH
