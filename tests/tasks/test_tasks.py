"""The Celery tasks: called directly, and through an app that runs them at once."""

from collections.abc import Iterator
from threading import Event as Flag

import pytest
from celery import Celery, current_app

from django_eliza_sessions import tasks
from django_eliza_sessions.models import (
    Message,
    Reply,
    Session,
    WebhookDelivery,
    WebhookEndpoint,
)
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.schedule import beat_schedule
from django_eliza_sessions.services import jobs
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.relay import relay_events
from tests.conftest import minutes
from tests.services.race import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("clock", "on_threads"),
]


@pytest.fixture
def eager_app() -> Iterator[Celery]:
    """A Celery app that runs every task at once, through its serializer."""
    before = current_app._get_current_object()
    app = Celery("tests", broker="memory://", set_as_current=True)
    app.conf.task_always_eager = True
    app.conf.task_eager_propagates = True
    app.conf.task_store_eager_result = False
    yield app
    app.close()
    before.set_current()


def test_sweep(clock, session):
    clock.shift(minutes(30))

    tasks.sweep_sessions()

    session.refresh_from_db()
    assert session.close_reason == Session.CloseReason.EXPIRED


def test_purge(clock, session, configure):
    configure(RETENTION_DAYS=1)
    clock.shift(minutes(30))
    tasks.sweep_sessions()
    clock.shift(minutes(2 * 24 * 60))

    tasks.purge_sessions()

    wait_until(lambda: not Session.objects.exists(), "the purge on its thread")


def test_dispatcher_hands_over_to_a_worker(
    clock, session, configure, eager_app, django_capture_on_commit_callbacks
):
    configure(REPLY_DISPATCHER="django_eliza_sessions.tasks.dispatch_reply")

    with django_capture_on_commit_callbacks(execute=True):
        send_message(principal=SYSTEM, session_id=session.pk, content="Hello")

    assert Reply.objects.get().status == Reply.Status.COMPLETE
    assert Message.objects.get(is_agent=True).content == "Scripted."


def test_lost_replies_are_recovered(clock, session, configure, eager_app):
    configure(REPLY_DISPATCHER="tests.services.conftest.remember")
    send_message(principal=SYSTEM, session_id=session.pk, content="Hello")
    configure(REPLY_DISPATCHER="django_eliza_sessions.tasks.dispatch_reply")
    clock.shift(minutes(1))

    tasks.recover_replies()

    assert Reply.objects.get().status == Reply.Status.COMPLETE


def test_every_entry_of_the_schedule_runs(clock, session, eager_app):
    clock.shift(minutes(30))

    for entry in beat_schedule().values():
        eager_app.tasks[entry["task"]].delay()

    session.refresh_from_db()
    assert session.close_reason == Session.CloseReason.EXPIRED


def test_tasks_bear_with_arguments_of_a_newer_release(clock, session, configure):
    # Nobody else may answer.
    configure(REPLY_DISPATCHER="tests.services.conftest.remember")
    tasks.sweep_sessions(hint="later")
    tasks.purge_sessions(hint="later")
    tasks.recover_replies(hint="later")
    send_message(principal=SYSTEM, session_id=session.pk, content="Hello")
    tasks.answer_reply(reply_id=str(Reply.objects.get().pk), hint="later")

    assert Reply.objects.get().status == Reply.Status.COMPLETE


class TestLongJobs:
    """They have threads of their own: sweeps must not wait for a free worker."""

    def test_sending_webhooks_holds_no_worker(self, session_factory, receiver, configure):
        configure(JOB_DISPATCHER="tests.services.conftest.remember_job")
        WebhookEndpoint.objects.create(name="Slow", url=receiver.url)
        may_answer = Flag()
        receiver.will(lambda handler: may_answer.wait(60) and handler.begin(200))
        session_factory()
        relay_events()

        tasks.run_job(name="send_webhooks")

        wait_until(lambda: receiver.requests, "the request")
        delivery = WebhookDelivery.objects.get()
        assert delivery.status == WebhookDelivery.Status.SENDING
        may_answer.set()
        wait_until(lambda: WebhookDelivery.objects.filter(due_at=None), "the arrival")

    def test_purging_holds_no_worker(self, clock, session, configure):
        configure(RETENTION_DAYS=1)
        clock.shift(minutes(2 * 24 * 60))
        tasks.sweep_sessions()
        clock.shift(minutes(2 * 24 * 60))
        may_purge = Flag()
        jobs._thread("purge_sessions").submit(may_purge.wait, 60)

        tasks.purge_sessions()

        assert Session.objects.exists()
        may_purge.set()
        wait_until(lambda: not Session.objects.exists(), "the purge")
