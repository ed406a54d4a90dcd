"""The life of a reply: taken, kept, finished by its holder alone, recovered, cancelled."""

from datetime import timedelta

import pytest
from django.db import connection

from django_eliza_sessions import signals
from django_eliza_sessions.backends import AgentReply
from django_eliza_sessions.exceptions import (
    NotFoundError,
    ReplyAlreadyCompleteError,
    SessionExpiredError,
    SessionNotFoundError,
)
from django_eliza_sessions.models import Message, Reply, ReplyChunk
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.ending import end_all_sessions
from django_eliza_sessions.services.holding import (
    add_chunk,
    complete_reply,
    fail_reply,
    keep_reply,
    take_reply,
)
from django_eliza_sessions.services.leases import LeaseLostError
from django_eliza_sessions.services.lifecycle import end_session, expire_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.replies import (
    DISPATCH_GRACE,
    MAX_ATTEMPTS,
    answer_of,
    cancel_reply,
    get_reply,
    recover_replies,
)
from django_eliza_sessions.services.sweep import sweep_sessions
from tests.conftest import NOON, minutes
from tests.services.faults import refuse_inserts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("handed_out")]
Status = Reply.Status
LEASE = timedelta(seconds=15)
HELLO = AgentReply(text="Hello.")


def send(session, content="Hello"):
    """Send a message that nobody answers yet; return its reply."""
    return send_message(principal=SYSTEM, session_id=session.pk, content=content).reply


def take(session, *chunks):
    """Take the reply to a new message, and say something."""
    reply = take_reply(send(session).pk)
    for chunk in chunks:
        add_chunk(reply, chunk)
    return reply


def cancel(reply, **arguments):
    return cancel_reply(
        **{
            "principal": SYSTEM,
            "session_id": reply.session_id,
            "message_id": reply.message_id,
        }
        | arguments
    )


def answers():
    return list(Message.objects.filter(is_agent=True).values_list("content", flat=True))


def told(reply):
    return list(reply.chunks.order_by("index").values_list("index", "text"))


class TestTaking:
    def test_begins_a_lease(self, session, clock):
        reply = send(session)
        clock.shift(minutes(1))

        held = take_reply(reply.pk)

        assert held.status == Reply.objects.get().status == Status.RUNNING
        assert held.attempts == Reply.objects.get().attempts == 1
        assert held.started_at == NOON + minutes(1)
        assert held.lease_until == NOON + minutes(1) + LEASE

    def test_lease_follows_the_setting(self, session, configure):
        configure(REPLY_LEASE_SECONDS=3)
        assert take(session).lease_until == NOON + timedelta(seconds=3)

    @pytest.mark.parametrize("status", [s for s in Status if s != Status.QUEUED])
    def test_only_a_queued_one(self, session, status):
        reply = send(session)
        Reply.objects.update(status=status)

        assert take_reply(reply.pk) is None

    def test_only_when_it_is_its_turn(self, session):
        first, second, third = (send(session) for _ in range(3))
        assert take_reply(second.pk) is None
        held = take_reply(first.pk)
        assert take_reply(second.pk) is None
        complete_reply(held, HELLO)

        assert take_reply(third.pk) is None
        assert take_reply(second.pk) == second

    def test_sessions_do_not_wait_for_each_other(self, session_factory):
        assert take(session_factory())
        assert take(session_factory())

    def test_expired_session_wants_none_any_more(self, session, clock):
        reply = send(session)
        clock.shift(minutes(30))

        assert take_reply(reply.pk) is None

        reply.refresh_from_db()
        assert (reply.status, reply.error_code) == (Status.CANCELLED, "SESSION_EXPIRED")


class TestChunks:
    def test_are_numbered(self, session):
        reply = take(session, "Hel", "lo", "")

        assert told(reply) == [(0, "Hel"), (1, "lo"), (2, "")]
        assert reply.chunk_count == Reply.objects.get().chunk_count == 3

    def test_extend_the_lease(self, session, clock):
        reply = take(session)
        clock.shift(timedelta(seconds=1))

        add_chunk(reply, "Hello")

        assert Reply.objects.get().lease_until == reply.lease_until == clock_now(1) + LEASE

    def test_that_cannot_be_stored_leave_no_gap(self, session):
        reply = take(session, "one")
        with (
            connection.execute_wrapper(refuse_inserts),
            pytest.raises(Exception, match="full"),
        ):
            add_chunk(reply, "two")

        assert Reply.objects.get().chunk_count == 1


def clock_now(seconds):
    return NOON + timedelta(seconds=seconds)


class TestKeeping:
    def test_extends_the_lease_when_half_of_it_is_over(self, session, clock):
        reply = take(session)
        clock.shift(timedelta(seconds=7))
        keep_reply(reply)
        assert Reply.objects.get().lease_until == clock_now(0) + LEASE
        clock.shift(timedelta(seconds=1))
        keep_reply(reply)
        assert Reply.objects.get().lease_until == clock_now(8) + LEASE

    def test_finds_that_it_was_cancelled(self, session):
        reply = take(session)
        cancel(reply)
        with pytest.raises(LeaseLostError):
            keep_reply(reply)

    def test_finds_that_somebody_else_has_it(self, session):
        reply = take(session)
        Reply.objects.update(attempts=2)
        with pytest.raises(LeaseLostError):
            keep_reply(reply)

    def test_stops_when_the_session_has_expired_without_a_sweep(self, session, clock):
        reply = take(session, "Hel")
        clock.shift(minutes(30))

        with pytest.raises(LeaseLostError):
            keep_reply(reply)

        assert Reply.objects.get().status == Status.CANCELLED
        assert Reply.objects.get().error_code == "SESSION_EXPIRED"
        assert answers() == ["Hel"]

    def test_costs_one_query(self, session, django_assert_num_queries):
        reply = take(session)
        with django_assert_num_queries(1):
            keep_reply(reply)


class TestCompleting:
    def test_stores_the_answer(self, session, agent, clock):
        reply = take(session)
        clock.shift(timedelta(seconds=2))
        answer = complete_reply(
            reply,
            AgentReply(
                text="42",
                thought="Hm.",
                actions=("REPLY",),
                input_tokens=0,
                output_tokens=7,
            ),
        )

        reply = Reply.objects.get()
        session.refresh_from_db()
        assert answer == Message.objects.get(is_agent=True) == answer_of(reply)
        assert answer.pk == reply.answer_id
        assert answer.author_id == agent.pk
        assert answer.metadata == {"thought": "Hm.", "actions": ["REPLY"]}
        assert answer.created_at == clock_now(2)
        assert reply.status == Status.COMPLETE
        assert (reply.input_tokens, reply.output_tokens) == (0, 7)
        assert reply.finished_at == clock_now(2)
        assert (reply.error_code, reply.error) == ("", "")
        assert session.message_count == 2
        assert session.last_message_at == answer.created_at

    def test_announces_the_answer(
        self, session, received, django_capture_on_commit_callbacks
    ):
        reply = take(session)
        created = received(signals.message_created)

        with django_capture_on_commit_callbacks(execute=True):
            answer = complete_reply(reply, HELLO)

        messages = [arguments["message"] for arguments in created]
        assert [message for message in messages if message.is_agent] == [answer]

    def test_has_the_next_one_dispatched(
        self, session, handed_out, django_capture_on_commit_callbacks
    ):
        reply, following, _ = take(session), send(session), send(session)
        handed_out.clear()

        with django_capture_on_commit_callbacks(execute=True):
            complete_reply(reply, HELLO)

        assert handed_out == [following.pk]

    @pytest.mark.parametrize(
        ("seconds", "renewals"),
        [pytest.param(59, 1, id="short"), pytest.param(60, 2, id="long")],
    )
    def test_of_a_long_reply_is_activity(self, session, clock, seconds, renewals):
        reply = take(session)
        clock.shift(timedelta(seconds=seconds))

        complete_reply(reply, HELLO)

        session.refresh_from_db()
        assert session.renewal_count == renewals
        active = clock_now(seconds) if renewals == 2 else NOON
        assert session.last_activity_at == active
        assert session.expires_at == active + minutes(30)

    def test_renews_nothing_without_auto_renew(self, session_factory, clock):
        session = session_factory(timeouts={"auto_renew": False})
        reply = take(session)
        clock.shift(minutes(5))

        complete_reply(reply, HELLO)

        session.refresh_from_db()
        assert (session.renewal_count, session.last_activity_at) == (0, NOON)

    def test_comes_too_late_for_an_expired_session(self, session, clock):
        reply = take(session, "Hel")
        clock.shift(minutes(30))

        assert complete_reply(reply, HELLO) is None

        assert Reply.objects.get().status == Status.CANCELLED
        assert Reply.objects.get().error_code == "SESSION_EXPIRED"
        assert answers() == ["Hel"]


class TestFailing:
    @pytest.mark.parametrize(
        ("chunks", "kept"),
        [
            pytest.param([], [], id="before-the-first-word"),
            pytest.param(["Hel", "lo"], ["Hello"], id="in-the-middle"),
        ],
    )
    def test_keeps_what_was_said(
        self, session, received, django_capture_on_commit_callbacks, chunks, kept
    ):
        failed, said = received(signals.reply_failed), received(signals.message_created)
        reply = take(session, *chunks)

        with django_capture_on_commit_callbacks(execute=True):
            fail_reply(reply, "no \x00 tokens")

        reply = Reply.objects.get()
        session.refresh_from_db()
        assert (reply.status, reply.error_code) == (Status.FAILED, "MESSAGE_SEND_FAILED")
        assert "\x00" not in reply.error
        assert reply.finished_at == NOON
        assert answers() == kept
        assert session.message_count == 1 + len(kept)
        assert [arguments["reply"] for arguments in failed] == [reply]
        assert [
            arguments["message"].content
            for arguments in said
            if arguments["message"].is_agent
        ] == kept
        if kept:
            assert answer_of(reply).metadata == {"incomplete": True}
            assert answer_of(reply).pk == reply.answer_id

    def test_has_the_next_one_dispatched(
        self, session, handed_out, django_capture_on_commit_callbacks
    ):
        reply, following = take(session), send(session)
        handed_out.clear()

        with django_capture_on_commit_callbacks(execute=True):
            fail_reply(reply, "no tokens")

        assert handed_out == [following.pk]


LATE_WRITES = {
    "chunk": lambda reply: add_chunk(reply, "too late"),
    "keep": keep_reply,
    "complete": lambda reply: complete_reply(reply, HELLO),
    "fail": lambda reply: fail_reply(reply, "too late"),
}


@pytest.mark.parametrize("write", LATE_WRITES.values(), ids=LATE_WRITES)
class TestFencing:
    @pytest.fixture
    def late(self, session, clock):
        """What a holder thinks it holds that fell silent, before anybody took over."""
        late = take(session)
        clock.shift(LEASE)
        assert recover_replies() == 1
        return late

    def assert_changes_nothing(self, write, late):
        before = everything()
        with pytest.raises(LeaseLostError):
            write(late)
        assert everything() == before

    def test_refuses_a_late_holder_while_another_one_works(self, late, write, received):
        failed = received(signals.reply_failed)
        add_chunk(take_reply(late.pk), "Mine.")

        self.assert_changes_nothing(write, late)
        assert failed == []

    def test_refuses_a_late_holder_when_another_one_is_done(self, late, write):
        complete_reply(take_reply(late.pk), HELLO)

        self.assert_changes_nothing(write, late)

    def test_refuses_the_holder_of_a_cancelled_reply(self, session, write):
        reply = take(session, "Hel")
        cancel(reply)

        self.assert_changes_nothing(write, reply)

    def test_refuses_a_late_holder_though_nobody_else_has_begun(self, late, write):
        self.assert_changes_nothing(write, late)


def everything():
    return [
        list(model.objects.order_by("pk").values())
        for model in (Reply, ReplyChunk, Message)
    ]


class TestRecovering:
    def test_queued_one_whose_task_was_lost(self, session, clock, handed_out):
        reply = send(session)
        assert recover_replies() == 0
        clock.shift(DISPATCH_GRACE)

        assert recover_replies() == 1
        assert recover_replies() == 0
        assert handed_out == [reply.pk]

    def test_only_the_one_whose_turn_it_is(self, session, clock, handed_out):
        replies = [send(session) for _ in range(3)]
        clock.shift(DISPATCH_GRACE)

        assert recover_replies() == 1
        assert handed_out == [replies[0].pk]

    def test_running_one_whose_holder_was_lost(self, session, clock, handed_out):
        reply = take(session)
        clock.shift(LEASE - timedelta(milliseconds=1))
        assert recover_replies() == 0
        clock.shift(timedelta(milliseconds=1))

        assert recover_replies() == 1

        assert Reply.objects.get().status == Status.QUEUED
        assert handed_out == [reply.pk]
        assert take_reply(reply.pk).attempts == 2

    def test_one_that_was_told_in_part_fails(
        self, session, clock, handed_out, django_capture_on_commit_callbacks
    ):
        reply, following = take(session, "Hel"), send(session)
        handed_out.clear()
        clock.shift(LEASE)

        with django_capture_on_commit_callbacks(execute=True):
            assert recover_replies() == 0

        reply.refresh_from_db()
        assert reply.status == Status.FAILED
        assert "lost" in reply.error
        assert answers() == ["Hel"]
        assert handed_out == [following.pk]

    def test_gives_up_in_the_end(self, session, clock, handed_out):
        reply = send(session)
        for _ in range(MAX_ATTEMPTS - 1):
            assert take_reply(reply.pk)
            clock.shift(LEASE)
            assert recover_replies() == 1
        assert take_reply(reply.pk)
        clock.shift(LEASE)

        assert recover_replies() == 0

        reply.refresh_from_db()
        assert (reply.status, reply.attempts) == (Status.FAILED, MAX_ATTEMPTS)
        assert answers() == []

    def test_never_gives_up_one_that_only_waits_for_a_worker(self, session, clock):
        reply = send(session)
        for _ in range(10):
            clock.shift(DISPATCH_GRACE)
            assert recover_replies() == 1
        assert take_reply(reply.pk)

    def test_no_more_than_asked_the_longest_waiting_first(
        self, session_factory, clock, handed_out
    ):
        first = send(session_factory())
        clock.shift(timedelta(seconds=1))
        second = send(session_factory())
        clock.shift(DISPATCH_GRACE)

        assert recover_replies(limit=1) == 1
        assert handed_out == [first.pk]
        assert recover_replies(limit=1) == 1
        assert handed_out == [first.pk, second.pk]

    @pytest.mark.parametrize("chunks", [[], ["Hel"]], ids=["silent", "told"])
    def test_leaves_alone_what_is_finished_meanwhile(
        self, session_factory, clock, configure, chunks
    ):
        # The first has been handed out again; its dispatch lets the second's holder
        # finish after all.
        take(session_factory())
        clock.shift(timedelta(seconds=1))
        finish_everything.held = [take(session_factory(), *chunks)]
        configure(REPLY_DISPATCHER=f"{__name__}.finish_everything")
        clock.shift(LEASE)

        assert recover_replies() == 1

        statuses = Reply.objects.order_by("status").values_list("status", flat=True)
        assert list(statuses) == [Status.COMPLETE, Status.QUEUED]

    @pytest.mark.parametrize("dispatcher", ["raise_always", "is_not_there"])
    def test_failing_dispatcher_loses_nothing(
        self,
        session,
        clock,
        configure,
        caplog,
        dispatcher,
        django_capture_on_commit_callbacks,
        handed_out,
    ):
        configure(REPLY_DISPATCHER=f"{__name__}.{dispatcher}")
        with django_capture_on_commit_callbacks(execute=True):
            reply = send(session)
        assert f"Reply {reply.pk} could not be dispatched" in caplog.text

        configure(REPLY_DISPATCHER="tests.services.conftest.remember")
        clock.shift(DISPATCH_GRACE)
        assert recover_replies() == 1
        assert handed_out == [reply.pk]

    def test_query_count(self, session_factory, clock, django_assert_num_queries):
        for _ in range(3):
            send(session_factory())
        clock.shift(DISPATCH_GRACE)

        # The due ones, and an update for each.
        with django_assert_num_queries(4):
            recover_replies()


def finish_everything(_reply_id):
    """Be a dispatcher during whose work late holders finish after all."""
    while finish_everything.held:
        complete_reply(finish_everything.held.pop(), HELLO)


def raise_always(_reply_id):
    raise RuntimeError("broker is down")


class TestCancelling:
    def test_queued_one(self, session):
        reply = send(session)

        cancelled = cancel(reply)

        assert cancelled == reply
        assert cancelled.status == Status.CANCELLED
        assert cancelled.error_code == "REPLY_CANCELLED"
        assert cancelled.finished_at == NOON
        assert answer_of(cancelled) is None
        assert take_reply(reply.pk) is None

    def test_running_one_keeps_what_was_said(self, session, agent):
        reply = cancel(take(session, "Hel", "lo"))

        session.refresh_from_db()
        answer = answer_of(reply)
        assert answer.pk == reply.answer_id
        assert answer.author_id == agent.pk
        assert answer.content == "Hello"
        assert answer.metadata == {"incomplete": True}
        assert session.message_count == 2
        assert session.last_message_at == answer.created_at

    def test_twice_is_harmless(self, session, clock):
        reply = take(session, "Hel")
        first = cancel(reply)
        clock.shift(minutes(1))

        second = cancel(reply)

        assert second.finished_at == first.finished_at
        assert answers() == ["Hel"]

    @pytest.mark.parametrize(
        "finish", [lambda reply: complete_reply(reply, HELLO), lambda r: fail_reply(r, "x")]
    )
    def test_too_late(self, session, finish):
        reply = take(session)
        finish(reply)
        before = everything()

        with pytest.raises(ReplyAlreadyCompleteError) as raised:
            cancel(reply)

        assert raised.value.context == {"message_id": str(reply.message_id)}
        assert everything() == before

    def test_is_no_activity(self, session, clock):
        reply = take(session, "Hel")
        clock.shift(minutes(5))

        cancel(reply)

        session.refresh_from_db()
        assert (session.last_activity_at, session.renewal_count) == (NOON, 1)

    def test_has_the_next_one_dispatched(
        self, session, handed_out, django_capture_on_commit_callbacks
    ):
        reply, following = take(session), send(session)
        handed_out.clear()

        with django_capture_on_commit_callbacks(execute=True):
            cancel(reply)

        assert handed_out == [following.pk]
        assert take_reply(following.pk) is not None

    def test_one_in_the_middle_leaves_the_others_in_order(self, session):
        first, second, third = (send(session) for _ in range(3))

        cancel(second)

        assert take_reply(third.pk) is None
        complete_reply(take_reply(first.pk), HELLO)
        assert take_reply(third.pk) is not None

    def test_agents_message_is_no_message_to_cancel(self, session):
        reply = take(session)
        answer = complete_reply(reply, HELLO)
        with pytest.raises(NotFoundError):
            cancel(reply, message_id=answer.pk)

    def test_of_another_session_is_not_found(self, session_factory):
        reply = send(session_factory())
        for operation in (cancel_reply, get_reply):
            with pytest.raises(NotFoundError):
                operation(
                    principal=SYSTEM,
                    session_id=session_factory().pk,
                    message_id=reply.message_id,
                )

    def test_of_a_stranger_is_not_found(self, session, stranger):
        reply = send(session)
        with pytest.raises(SessionNotFoundError):
            cancel(reply, principal=stranger)
        assert Reply.objects.get().status == Status.QUEUED

    def test_of_an_expired_session_is_told_so(self, session, clock):
        reply = send(session)
        clock.shift(minutes(30))
        with pytest.raises(SessionExpiredError):
            cancel(reply)


def expire_by_sweep(session, clock):
    clock.shift(minutes(30))
    sweep_sessions()


ENDINGS = {
    "expired-by-a-sweep": (expire_by_sweep, "SESSION_EXPIRED"),
    "expired-by-hand": (
        lambda session, _: expire_session(principal=SYSTEM, session_id=session.pk),
        "SESSION_EXPIRED",
    ),
    "ended": (
        lambda session, _: end_session(principal=SYSTEM, session_id=session.pk),
        "SESSION_NOT_FOUND",
    ),
    "shut-down": (lambda *_: end_all_sessions(), "SESSION_NOT_FOUND"),
}


@pytest.mark.parametrize(("finish", "code"), ENDINGS.values(), ids=ENDINGS)
def test_end_of_the_session_cancels_what_is_under_way(session, clock, finish, code):
    done = take(session)
    complete_reply(done, HELLO)
    running, queued = take(session, "Hel", "lo"), send(session)

    finish(session, clock)

    session.refresh_from_db()
    by_id = Reply.objects.in_bulk()
    assert by_id[done.pk].status == Status.COMPLETE
    assert {by_id[reply.pk].status for reply in (running, queued)} == {Status.CANCELLED}
    assert {by_id[reply.pk].error_code for reply in (running, queued)} == {code}
    assert answers() == ["Hello.", "Hello"]
    assert session.message_count == Message.objects.count() == 5
    with pytest.raises(LeaseLostError):
        add_chunk(running, "too late")


def test_end_of_the_session_dispatches_nothing(
    session, handed_out, django_capture_on_commit_callbacks
):
    for _ in range(3):
        send(session)

    with django_capture_on_commit_callbacks(execute=True):
        end_session(principal=SYSTEM, session_id=session.pk)

    assert handed_out == []
