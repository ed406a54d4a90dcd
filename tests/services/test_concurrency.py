"""Operations on one session at the same time, on real threads."""

from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import transaction

from django_eliza_sessions.backends import AgentReply
from django_eliza_sessions.exceptions import SessionExpiredError, SessionNotFoundError
from django_eliza_sessions.models import Event, Message, Reply, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.answering import answer_reply
from django_eliza_sessions.services.finishing import cancel_replies
from django_eliza_sessions.services.holding import complete_reply, take_reply
from django_eliza_sessions.services.leases import LeaseLostError
from django_eliza_sessions.services.lifecycle import (
    end_session,
    expire_session,
    record_heartbeat,
    renew_session,
    update_timeout,
)
from django_eliza_sessions.services.lookup import lock_session
from django_eliza_sessions.services.messages import send_message
from tests.conftest import NOON, minutes
from tests.services.race import meanwhile, somebody_waits, together, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("handed_out"),
]


def job(operation, session, **arguments):
    return lambda: operation(principal=SYSTEM, session_id=session.pk, **arguments)


def outcomes(results):
    return sorted(
        type(result).__name__ if isinstance(result, Exception) else "done"
        for result in results
    )


def test_forty_senders(session):
    results = together(
        [job(send_message, session, content=f"Message {i}") for i in range(40)]
    )

    session.refresh_from_db()
    times = sorted(Message.objects.values_list("created_at", flat=True))
    assert outcomes(results) == ["done"] * 40
    assert times == [NOON + timedelta(milliseconds=i) for i in range(40)]
    assert session.message_count == 40
    assert session.renewal_count == 40
    assert session.last_message_at == times[-1]
    assert {m.content for m in Message.objects.all()} == {f"Message {i}" for i in range(40)}


def test_answers_and_senders(session_factory, session):
    sessions = [session, *(session_factory() for _ in range(7))]
    for each in sessions:
        job(send_message, each, content="Hello")()
    waiting = list(Reply.objects.values_list("pk", flat=True))

    results = together(
        [
            *(lambda pk=pk: answer_reply(reply_id=pk) for pk in waiting),
            *(job(send_message, session, content="More") for _ in range(8)),
        ]
    )

    session.refresh_from_db()
    assert outcomes(results) == ["done"] * 16
    assert session.message_count == session.messages.count() == 10
    assert Message.objects.filter(is_agent=True).count() == 8


@pytest.mark.parametrize("attempt", range(5))
def test_one_reply_per_session_at_a_time_in_order(session, configure, attempt):
    """However many workers try to take any of them."""
    sent = [job(send_message, session, content=text)() for text in "abcd"]
    running = []

    def work():
        for _ in range(200):
            for each in sent:
                if answer_reply(reply_id=each.reply.pk):
                    running.append(each.message.content)  # noqa: PERF401 - one at a time
            if len(running) == len(sent):
                return

    assert together([work] * 4) == [None] * 4
    assert sorted(running) == list("abcd")
    answers = Message.objects.filter(is_agent=True).order_by("created_at")
    assert list(answers.values_list("pk", flat=True)) == [
        reply.answer_id for reply in Reply.objects.order_by("created_at")
    ]
    assert {reply.attempts for reply in Reply.objects.all()} == {1}


def test_senders_that_wait_are_answered_in_order(session):
    sent = together([job(send_message, session, content="?", transport="http")] * 8)

    assert sorted(each.answer.pk for each in sent) == sorted(
        reply.answer_id for reply in Reply.objects.all()
    )
    answers = Message.objects.filter(is_agent=True).order_by("created_at")
    assert list(answers.values_list("pk", flat=True)) == [
        reply.answer_id for reply in Reply.objects.order_by("created_at")
    ]
    assert {reply.attempts for reply in Reply.objects.all()} == {1}


def test_one_reply_is_answered_once(session):
    job(send_message, session, content="Hello")()
    reply = Reply.objects.get()

    results = together([lambda: answer_reply(reply_id=reply.pk)] * 8)

    assert len([result for result in results if result is not None]) == 1
    assert Message.objects.filter(is_agent=True).count() == 1
    assert Reply.objects.get().attempts == 1


def test_no_update_is_lost(session):
    results = together(
        [
            *[job(renew_session, session)] * 8,
            *[job(record_heartbeat, session)] * 8,
            job(update_timeout, session, timeouts={"warning_threshold_minutes": 10}),
            job(update_timeout, session, timeouts={"max_duration_minutes": 100}),
        ]
    )

    session.refresh_from_db()
    assert outcomes(results) == ["done"] * 18
    assert session.renewal_count == 16
    assert session.warning_threshold_minutes == 10
    assert session.max_duration_minutes == 100


def test_renewal_against_expiry(session):
    results = together([job(renew_session, session), job(expire_session, session)])

    session.refresh_from_db()
    # Whoever came first, the session is over, and a renewal that came second was refused.
    assert session.close_reason == Session.CloseReason.EXPIRED
    assert outcomes(results) in (["done", "done"], ["SessionExpiredError", "done"])
    assert session.renewal_count == (
        0 if isinstance(results[0], SessionExpiredError) else 1
    )
    assert session.events.filter(kind=Event.Kind.EXPIRED).count() == 1


def test_end_against_senders(session):
    results = together(
        [job(end_session, session), *[job(send_message, session, content="Hello")] * 8]
    )

    session.refresh_from_db()
    sent = [result for result in results[1:] if not isinstance(result, Exception)]
    refused = [result for result in results[1:] if isinstance(result, SessionNotFoundError)]
    assert session.close_reason == Session.CloseReason.ENDED
    assert len(sent) + len(refused) == 8
    assert session.message_count == Message.objects.count() == len(sent)


def test_ends_once(session):
    results = together([job(end_session, session)] * 4)

    assert outcomes(results) == ["SessionNotFoundError"] * 3 + ["done"]
    assert session.events.filter(kind=Event.Kind.ENDED).count() == 1


@pytest.mark.postgresql
def test_decides_by_the_time_it_got_the_lock(session, clock):
    """A renewal that waited for the lock beyond the deadline must not revive it."""
    from threading import Event as Flag

    from django.db import transaction

    locked, waiting = Flag(), Flag()

    def hold():
        with transaction.atomic():
            Session.objects.select_for_update().get(pk=session.pk)
            locked.set()
            assert waiting.wait(20)
            clock.shift(minutes(30))

    def renew():
        from django.db import connection

        def report(execute, sql, params, many, context):
            if "FOR NO KEY UPDATE" in sql and "SKIP LOCKED" not in sql:
                waiting.set()
            return execute(sql, params, many, context)

        assert locked.wait(20)
        with connection.execute_wrapper(report):
            job(renew_session, session)()

    _, result = together([hold, renew])

    assert isinstance(result, SessionExpiredError)


@pytest.fixture
def held(session):
    """A reply in somebody's hands."""
    return take_reply(job(send_message, session, content="Hello")().reply.pk)


@pytest.mark.postgresql
@pytest.mark.parametrize("model", [Session, Reply])
class TestAnswerOfWhatIsLocked:
    def answer(self, stack, reply):
        """Begin to store an answer, on a thread that waits for the lock by now."""
        answering = stack.enter_context(
            meanwhile(lambda: complete_reply(reply, AgentReply(text="Hello.")))
        )
        wait_until(somebody_waits, "the answer to wait")
        return answering

    def test_waits(self, held, model):
        with ExitStack() as stack:
            with transaction.atomic():
                model.objects.select_for_update().get()
                answering = self.answer(stack, held)
                assert not answering.done()
            assert answering.result().content == "Hello."
        told = Event.objects.order_by("sequence").values_list("sequence", "kind")
        assert list(told)[-2:] == [(3, "message"), (4, "reply_complete")]

    def test_is_not_stored_when_the_reply_is_lost_meanwhile(self, held, model):
        with ExitStack() as stack:
            with transaction.atomic():
                model.objects.select_for_update().get()
                answering = self.answer(stack, held)
                Reply.objects.update(status=Reply.Status.QUEUED)
            with pytest.raises(LeaseLostError):
                answering.result()
        assert Reply.objects.get().status == Reply.Status.QUEUED
        assert not Message.objects.filter(is_agent=True).exists()


@pytest.mark.postgresql
def test_an_answer_locks_in_everybodys_order_in_a_transaction_too(session, held):
    def complete():
        with transaction.atomic():
            complete_reply(held, AgentReply(text="Hello."))

    with ExitStack() as stack:
        with transaction.atomic():
            locked, _now = lock_session(principal=SYSTEM, session_id=session.pk)
            answering = stack.enter_context(meanwhile(complete))
            wait_until(somebody_waits, "the answer to wait")
            cancel_replies(locked, "REPLY_CANCELLED")
        with pytest.raises(LeaseLostError):
            answering.result()
