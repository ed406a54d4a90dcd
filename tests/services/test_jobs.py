"""The jobs that changes leave behind."""

from threading import Event as Flag
from time import monotonic

import pytest
from django.db import connection

from django_eliza_sessions import signals
from django_eliza_sessions.models import Event
from django_eliza_sessions.services import jobs
from django_eliza_sessions.services.jobs import recover_jobs, run_in_thread, run_job
from tests.services.race import wait_until

pytestmark = pytest.mark.usefixtures("asked_for")


@pytest.mark.django_db
def test_running_a_job_does_it(session):
    run_job("relay_events")

    assert Event.objects.get().relay_at is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_threads")
class TestThreads:
    def test_do_the_job(self, session, received):
        created = received(signals.session_created)

        run_in_thread("relay_events")

        wait_until(lambda: created, "the signal")
        assert created[0]["session"] == session

    def test_do_it_again_for_each_who_asks(self, session_factory, received):
        created = received(signals.session_created)
        for count in range(1, 20):
            session_factory()
            run_in_thread("relay_events")
            wait_until(lambda count=count: len(created) == count, "the signal")

    def test_do_it_once_for_many_who_ask_meanwhile(self, session_factory, received):
        is_busy, may_go_on = Flag(), Flag()

        def dawdle(**_arguments):
            is_busy.set()
            assert may_go_on.wait(20)

        signals.session_created.connect(dawdle)
        created = received(signals.session_created)
        try:
            session_factory()
            run_in_thread("relay_events")
            assert is_busy.wait(20)
            for _ in range(100):
                run_in_thread("relay_events")
            session_factory()
            assert jobs._thread("relay_events")._work_queue.qsize() == 1
            may_go_on.set()
            wait_until(lambda: len(created) == 2, "the second signal")
        finally:
            signals.session_created.disconnect(dawdle)

    def test_pause_between_two_runs(self, monkeypatch):
        runs = []
        monkeypatch.setitem(jobs.JOBS, "relay_events", lambda: runs.append(monotonic()))
        for count in (1, 2):
            run_in_thread("relay_events")
            wait_until(lambda count=count: len(runs) == count, "the run")
        assert runs[1] - runs[0] >= jobs.PAUSE

    def test_go_on_after_a_failure(self, session, received, caplog):
        created = received(signals.session_created)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE django_eliza_sessions_event RENAME TO hidden")
        run_in_thread("relay_events")
        wait_until(lambda: "relay_events failed" in caplog.text, "the failure")
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE hidden RENAME TO django_eliza_sessions_event")

        run_in_thread("relay_events")

        wait_until(lambda: created, "the signal")


@pytest.mark.django_db
class TestRecovering:
    def test_asks_again_for_what_is_due(self, session, asked_for):
        recover_jobs()

        assert asked_for == ["relay_events"]

    def test_leaves_alone_what_is_not(self, session, asked_for):
        run_job("relay_events")

        recover_jobs()

        assert asked_for == []
