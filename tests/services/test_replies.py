"""Answering messages: leases, fencing, failures, and what happens again."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from django_eliza_sessions import signals
from django_eliza_sessions.backends import AgentBackend, AgentReply
from django_eliza_sessions.models import Message, Reply
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import replies
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.replies import (
    DISPATCH_GRACE,
    LEASE,
    MAX_ATTEMPTS,
    answer_reply,
    dispatch_due_replies,
    run_reply,
)
from django_eliza_sessions.testing.backends import ScriptedBackend
from tests.conftest import NOON, minutes
from tests.services.faults import refuse_inserts

pytestmark = pytest.mark.django_db
Status = Reply.Status


def send(session, content="Hello", **arguments):
    """Send a message that nobody answers yet; return its reply."""
    sent = send_message(
        principal=SYSTEM, session_id=session.pk, content=content, **arguments
    )
    return sent.message.reply


def script(agent, **options):
    agent.backend_options = options
    agent.save()


def claim(reply):
    """Take a reply as a worker does that then falls silent; return its view of it."""
    reply = Reply.objects.select_related("message__session__agent").get(pk=reply.pk)
    Reply.objects.filter(pk=reply.pk).update(
        status=Status.RUNNING, attempts=reply.attempts + 1, lease_until=NOON + LEASE
    )
    reply.refresh_from_db(fields=["status", "attempts", "lease_until"])
    return reply


def answers():
    return list(Message.objects.filter(is_agent=True).values_list("content", flat=True))


@pytest.mark.usefixtures("handed_out")
class TestAnswering:
    def test_completes_the_reply(self, session, agent, clock):
        reply = send(session)
        clock.shift(minutes(1))

        answer = answer_reply(reply_id=reply.pk)

        reply.refresh_from_db()
        session.refresh_from_db()
        assert answer == reply.answer == Message.objects.get(is_agent=True)
        assert answer.author_id == agent.pk
        assert answer.content == "Scripted."
        assert answer.metadata == {}
        assert answer.created_at == NOON + minutes(1)
        assert reply.status == Status.COMPLETE
        assert reply.attempts == 1
        assert reply.started_at == reply.finished_at == NOON + minutes(1)
        assert session.message_count == 2
        assert session.last_message_at == answer.created_at

    def test_is_no_activity_of_the_user(self, session, clock):
        reply = send(session)
        clock.shift(minutes(1))

        answer_reply(reply_id=reply.pk)

        session.refresh_from_db()
        assert session.last_activity_at == NOON
        assert session.renewal_count == 1

    def test_twice_is_harmless(self, session):
        reply = send(session)

        assert answer_reply(reply_id=reply.pk) is not None
        assert answer_reply(reply_id=reply.pk) is None
        assert answers() == ["Scripted."]

    def test_leaves_a_held_reply_to_its_holder(self, session):
        reply = claim(send(session))

        assert answer_reply(reply_id=reply.pk) is None
        assert ScriptedBackend.requests == []

    def test_takes_over_when_the_lease_ran_out(self, session, clock):
        reply = claim(send(session))
        clock.shift(LEASE)

        assert answer_reply(reply_id=reply.pk) is not None
        reply.refresh_from_db()
        assert reply.attempts == 2

    def test_answer_that_could_not_be_stored_is_tried_again(self, session, clock):
        reply = send(session)
        with connection.execute_wrapper(refuse_inserts):
            assert answer_reply(reply_id=reply.pk) is None
        clock.shift(LEASE)

        assert answer_reply(reply_id=reply.pk) is not None
        assert answers() == ["Scripted."]

    @pytest.mark.parametrize("over", ["expired", "ended"])
    def test_answers_though_the_session_is_over_by_now(self, session, clock, over):
        reply = send(session)
        if over == "ended":
            end_session(principal=SYSTEM, session_id=session.pk)
        else:
            clock.shift(minutes(60))

        assert answer_reply(reply_id=reply.pk) is not None
        session.refresh_from_db()
        assert session.message_count == 2

    def test_announces_the_answer(
        self, session, received, django_capture_on_commit_callbacks
    ):
        reply = send(session)
        created = received(signals.message_created)

        with django_capture_on_commit_callbacks(execute=True):
            answer = answer_reply(reply_id=reply.pk)

        assert [arguments["message"] for arguments in created] == [answer]

    def test_every_message_gets_its_own(self, session):
        waiting = [send(session, content) for content in "abc"]

        given = [answer_reply(reply_id=reply.pk) for reply in waiting]

        assert len({answer.pk for answer in given}) == 3

    def test_query_count(self, session, django_assert_num_queries):
        reply = send(session)

        # Claim, reply with message, session and agent, history; savepoint, session,
        # answer, session, reply, release.
        with django_assert_num_queries(9):
            answer_reply(reply_id=reply.pk)


@pytest.mark.usefixtures("handed_out")
class TestRequest:
    def test_carries_the_message(self, session, agent):
        script(agent, text="Hi.")
        image = {"type": "image", "url": "https://example.com/cat.png"}
        reply = send(session, "Look!", metadata={"a": 1}, attachments=[image])

        answer_reply(reply_id=reply.pk)

        [request] = ScriptedBackend.requests
        assert request.agent_id == agent.pk
        assert request.agent_name == agent.name
        assert request.session_id == session.pk
        assert request.user_id == session.user_id
        assert request.message_id == reply.message_id
        assert request.content == "Look!"
        assert request.metadata == {"a": 1}
        assert request.attachments == (image,)
        assert request.history == ()
        assert request.options == {"text": "Hi."}

    def test_history_is_what_came_before_oldest_first(self, session):
        answer_reply(reply_id=send(session, "one").pk)
        reply = send(session, "two")
        send(session, "three")

        answer_reply(reply_id=reply.pk)

        turns = [(t.is_agent, t.content) for t in ScriptedBackend.requests[-1].history]
        assert turns == [(False, "one"), (True, "Scripted.")]

    def test_history_is_limited_to_the_latest(self, session, monkeypatch):
        monkeypatch.setattr(ScriptedBackend, "history_limit", 2)
        waiting = [send(session, content) for content in "abcd"]

        answer_reply(reply_id=waiting[-1].pk)

        assert [turn.content for turn in ScriptedBackend.requests[0].history] == ["b", "c"]

    def test_no_query_where_no_history_is_wanted(
        self, session, agent, django_assert_num_queries
    ):
        agent.backend = "default"
        agent.save()
        reply = send(session, "Echo!")

        with django_assert_num_queries(8):
            assert answer_reply(reply_id=reply.pk).content == "Echo!"


@pytest.mark.usefixtures("handed_out")
class TestFailing:
    def fail(self, session, caplog):
        reply = send(session)
        assert answer_reply(reply_id=reply.pk) is None
        reply.refresh_from_db()
        assert reply.status == Status.FAILED
        assert reply.finished_at == NOON
        assert answers() == []
        assert caplog.records
        caplog.clear()
        return reply

    def test_keeps_the_reason_for_the_operator(self, session, agent, caplog):
        script(agent, error="no model")

        assert self.fail(session, caplog).error == "RuntimeError: no model"

    def test_is_final(self, session, agent, caplog, handed_out, clock):
        script(agent, error="no model")
        reply = self.fail(session, caplog)
        clock.shift(minutes(60))

        assert dispatch_due_replies() == 0
        assert answer_reply(reply_id=reply.pk) is None
        assert handed_out == []

    def test_announces(
        self, session, agent, caplog, received, django_capture_on_commit_callbacks
    ):
        script(agent, error="no model")
        failed = received(signals.reply_failed)

        with django_capture_on_commit_callbacks(execute=True):
            reply = self.fail(session, caplog)

        assert [arguments["reply"] for arguments in failed] == [reply]
        assert failed[0]["reply"].status == Status.FAILED

    @pytest.mark.parametrize(
        "options",
        [
            pytest.param({"text": "a\x00b"}, id="nul-in-text"),
            pytest.param({"text": "a\ud800b"}, id="surrogate-in-text"),
            pytest.param({"text": None}, id="no-text"),
            pytest.param({"thought": "a\x00b"}, id="nul-in-thought"),
            pytest.param({"thought": "a\ud800b"}, id="surrogate-in-thought"),
            pytest.param({"actions": ["a\x00b"]}, id="nul-in-action"),
            pytest.param({"error": "a\x00b"}, id="unstorable-error"),
        ],
    )
    def test_answer_that_cannot_be_stored(self, session, agent, caplog, options):
        # The agent's options could not hold these either, so the class does.
        agent.backend = "unstorable"
        agent.save()
        UnstorableBackend.options_given = options

        self.fail(session, caplog)

    def test_alias_that_is_not_configured(self, session, agent, caplog):
        agent.backend = "gone"
        agent.save()

        assert "No backend 'gone'" in self.fail(session, caplog).error

    def test_options_of_another_type(self, session, agent, caplog):
        agent.backend_options = ["no object"]
        agent.save()

        assert self.fail(session, caplog).error.startswith("AttributeError")


class UnstorableBackend(ScriptedBackend):
    options_given: dict[str, object] = {}

    def reply(self, request):
        return super().reply(replace(request, options=self.options_given))


class TransactionSpy(AgentBackend):
    def reply(self, request):
        return AgentReply(text=f"in transaction: {connection.in_atomic_block}")


@pytest.fixture(autouse=True)
def more_backends(configure, settings):
    configure(
        BACKENDS=settings.ELIZA_SESSIONS["BACKENDS"]
        | {
            "unstorable": {"BACKEND": f"{__name__}.UnstorableBackend"},
            "spy": {"BACKEND": f"{__name__}.TransactionSpy"},
        }
    )


@pytest.mark.usefixtures("handed_out")
class TestFencing:
    @pytest.fixture
    def lost(self, session, clock):
        """A reply in the hands of one holder, and what a late one thinks it holds."""
        late = claim(send(session))
        clock.shift(LEASE)
        assert answer_reply(reply_id=late.pk) is not None
        return late

    def test_late_holder_writes_nothing(self, session, lost, received, caplog):
        assert run_reply(reply=lost) is None

        session.refresh_from_db()
        assert answers() == ["Scripted."]
        assert session.message_count == 2
        assert "finished by somebody else" in caplog.text

    def test_late_failure_changes_nothing(self, agent, lost, received):
        script(agent, error="too late")
        lost.message.session.agent.refresh_from_db()
        failed = received(signals.reply_failed)

        assert run_reply(reply=lost) is None

        assert Reply.objects.get().status == Status.COMPLETE
        assert failed == []

    def test_holder_may_finish_late_while_nobody_else_has_begun(self, session, clock):
        holder = claim(send(session))
        clock.shift(LEASE)
        assert dispatch_due_replies() == 1

        assert run_reply(reply=holder) is not None

        assert answer_reply(reply_id=holder.pk) is None
        assert answers() == ["Scripted."]


class TestDispatching:
    def test_queued_reply_whose_task_was_lost(self, session, clock, handed_out):
        reply = send(session)
        assert dispatch_due_replies() == 0
        clock.shift(DISPATCH_GRACE)

        assert dispatch_due_replies() == 1
        assert dispatch_due_replies() == 0
        assert handed_out == [reply.pk]

    def test_running_reply_whose_holder_was_lost(self, session, clock, handed_out):
        reply = claim(send(session))
        clock.shift(LEASE)

        assert dispatch_due_replies() == 1

        reply.refresh_from_db()
        assert reply.status == Status.QUEUED
        assert handed_out == [reply.pk]

    def test_gives_up_in_the_end(self, session, clock, handed_out):
        reply = send(session)
        for _ in range(MAX_ATTEMPTS):
            claim(reply)
            Reply.objects.update(lease_until=NOON)
            reply.refresh_from_db()

        assert dispatch_due_replies() == 0

        reply.refresh_from_db()
        assert reply.status == Status.FAILED
        assert reply.error == "Given up after 3 attempts."
        assert handed_out == []

    def test_takes_no_more_than_asked_the_longest_waiting_first(
        self, session, clock, handed_out
    ):
        first, second = send(session), send(session)
        Reply.objects.filter(pk=second.pk).update(lease_until=NOON - minutes(1))
        clock.shift(DISPATCH_GRACE)

        assert dispatch_due_replies(limit=1) == 1
        assert handed_out == [second.pk]
        assert dispatch_due_replies(limit=1) == 1
        assert handed_out == [second.pk, first.pk]

    def test_leaves_alone_what_is_finished_meanwhile(self, session, clock, configure):
        holders = [claim(send(session)) for _ in range(2)]
        configure(REPLY_DISPATCHER=f"{__name__}.finish_everything")
        finish_everything.holders = holders
        clock.shift(LEASE)

        dispatch_due_replies()

        assert {reply.status for reply in Reply.objects.all()} == {Status.COMPLETE}
        assert answers() == ["Scripted."] * 2

    @pytest.mark.parametrize("dispatcher", ["raise_always", "is_not_there"])
    def test_failing_dispatcher_loses_nothing(
        self,
        session,
        clock,
        configure,
        caplog,
        dispatcher,
        django_capture_on_commit_callbacks,
        request,
    ):
        configure(REPLY_DISPATCHER=f"{__name__}.{dispatcher}")
        with django_capture_on_commit_callbacks(execute=True):
            reply = send(session)
        assert f"Reply {reply.pk} could not be dispatched" in caplog.text

        handed_out = request.getfixturevalue("handed_out")
        clock.shift(DISPATCH_GRACE)
        assert dispatch_due_replies() == 1
        assert handed_out == [reply.pk]

    def test_query_count(self, session, clock, handed_out, django_assert_num_queries):
        for _ in range(3):
            send(session)
        clock.shift(DISPATCH_GRACE)

        # The due ones, and a claim for each.
        with django_assert_num_queries(4):
            dispatch_due_replies()


def finish_everything(_reply_id):
    """Be a dispatcher during whose work the late holders finish after all."""
    while finish_everything.holders:
        run_reply(reply=finish_everything.holders.pop())


def raise_always(_reply_id):
    raise RuntimeError("broker is down")


def lose_connection(connection, **_arguments):
    """Have a new connection fail at its first statement."""

    def fail(*_arguments):
        raise OperationalError("connection lost")

    connection.execute_wrappers.append(fail)


@pytest.mark.django_db(transaction=True)
class TestThreads:
    @pytest.fixture(autouse=True)
    def finished(self) -> Iterator[None]:
        """Leave no thread behind."""
        yield
        self.wait()

    def wait(self):
        replies._threads().shutdown(wait=True)
        replies._threads.cache_clear()

    def test_answer_on_their_own(self, session):
        for content in "abc":
            send(session, content)

        self.wait()

        assert answers() == ["Scripted."] * 3
        assert {reply.status for reply in Reply.objects.all()} == {Status.COMPLETE}

    def test_trouble_is_logged_and_the_reply_stays_due(self, session, handed_out, caplog):
        reply = send(session)

        connection_created.connect(lose_connection)
        try:
            replies.dispatch_to_thread(reply.pk)
            self.wait()
        finally:
            connection_created.disconnect(lose_connection)

        reply.refresh_from_db()
        assert reply.status == Status.QUEUED
        assert f"Reply {reply.pk} could not be answered" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("transport", ["http", "websocket"])
def test_no_transaction_is_open_while_the_agent_answers(
    session, agent, handed_out, transport
):
    agent.backend = "spy"
    agent.save()

    send(session, transport=transport)
    for reply_id in handed_out:
        answer_reply(reply_id=reply_id)

    assert answers() == ["in transaction: False"]
