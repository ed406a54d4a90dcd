"""Warnings and expirations: what time brings about, exactly once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_eliza_sessions import signals
from django_eliza_sessions.models import Event, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import sweep
from django_eliza_sessions.services.lifecycle import (
    end_session,
    renew_session,
    update_timeout,
)
from django_eliza_sessions.services.sweep import SweepResult, sweep_sessions
from tests.conftest import NOON, minutes
from tests.services.race import together

pytestmark = pytest.mark.django_db
A_MILLISECOND = timedelta(milliseconds=1)


def renew(session):
    renew_session(principal=SYSTEM, session_id=session.pk)


def update(session, **timeouts):
    update_timeout(principal=SYSTEM, session_id=session.pk, timeouts=timeouts)


def deadlines(session, kind):
    events = session.events.filter(kind=kind).order_by("sequence")
    return list(events.values_list("deadline", flat=True))


def warnings(session):
    return deadlines(session, Event.Kind.WARNED)


def expiries(session):
    return deadlines(session, Event.Kind.EXPIRED)


class TestWarning:
    def test_comes_at_the_very_instant(self, session, clock):
        clock.shift(minutes(25) - A_MILLISECOND)
        assert sweep_sessions() == SweepResult()
        clock.shift(A_MILLISECOND)
        assert sweep_sessions() == SweepResult(warned=1)

        event = session.events.get(kind=Event.Kind.WARNED)
        assert event.deadline == NOON + minutes(30)
        assert event.created_at == NOON + minutes(25)
        assert event.sequence == 2

    def test_comes_once_per_deadline(self, session, clock):
        clock.shift(minutes(25))

        for _ in range(3):
            sweep_sessions()
            clock.shift(minutes(1))

        assert warnings(session) == [NOON + minutes(30)]

    def test_is_armed_again_by_a_renewal(self, session, clock):
        clock.shift(minutes(25))
        sweep_sessions()
        renew(session)
        assert sweep_sessions() == SweepResult()
        clock.shift(minutes(25))

        assert sweep_sessions() == SweepResult(warned=1)
        assert warnings(session) == [NOON + minutes(30), NOON + minutes(55)]

    def test_comes_at_once_where_the_threshold_exceeds_the_timeout(
        self, session_factory, clock
    ):
        session = session_factory(timeouts={"warning_threshold_minutes": 60})

        assert sweep_sessions() == SweepResult(warned=1)
        assert sweep_sessions() == SweepResult()
        clock.shift(minutes(10))
        renew(session)

        assert sweep_sessions() == SweepResult(warned=1)
        assert warnings(session) == [NOON + minutes(30), NOON + minutes(40)]

    def test_is_left_out_when_the_sweep_comes_after_the_deadline(self, session, clock):
        clock.shift(minutes(30))

        assert sweep_sessions() == SweepResult(expired=1)
        assert warnings(session) == []

    def test_moves_on_when_renewed_meanwhile(self, session, clock):
        clock.shift(minutes(10))
        renew(session)
        clock.shift(minutes(15))

        assert sweep_sessions() == SweepResult()

        session.refresh_from_db()
        assert session.sweep_at == session.warns_at == NOON + minutes(35)
        assert session.events.count() == 1

    def test_follows_an_earlier_deadline(self, session, clock):
        update(session, timeout_minutes=10)
        clock.shift(minutes(5))

        assert sweep_sessions() == SweepResult(warned=1)
        assert warnings(session) == [NOON + minutes(10)]

    def test_follows_a_higher_threshold(self, session, clock):
        update(session, warning_threshold_minutes=20)
        clock.shift(minutes(10))

        assert sweep_sessions() == SweepResult(warned=1)

    def test_is_not_repeated_when_only_the_threshold_changes(self, session, clock):
        clock.shift(minutes(25))
        sweep_sessions()
        update(session, warning_threshold_minutes=20)

        assert sweep_sessions() == SweepResult()

    def test_is_not_repeated_for_a_deadline_that_comes_back(self, session, clock):
        clock.shift(minutes(26))
        sweep_sessions()
        update(session, timeout_minutes=31)
        sweep_sessions()
        update(session, timeout_minutes=30)

        assert sweep_sessions() == SweepResult()
        assert warnings(session) == [NOON + minutes(30), NOON + minutes(31)]
        clock.shift(minutes(4))
        assert sweep_sessions() == SweepResult(expired=1)

    def test_is_not_repeated_for_one_that_comes_back_with_a_lower_threshold(
        self, session, clock
    ):
        clock.shift(minutes(26))
        sweep_sessions()
        update(session, timeout_minutes=31)
        sweep_sessions()
        update(session, timeout_minutes=30, warning_threshold_minutes=1)

        assert sweep_sessions() == SweepResult()
        clock.shift(minutes(3))
        assert sweep_sessions() == SweepResult()
        assert warnings(session) == [NOON + minutes(30), NOON + minutes(31)]
        session.refresh_from_db()
        assert session.warned_for == session.sweep_at == NOON + minutes(30)
        assert session.last_sequence == session.events.count()


class TestExpiry:
    def test_comes_at_the_very_instant(self, session, clock):
        clock.shift(minutes(30) - A_MILLISECOND)
        assert sweep_sessions() == SweepResult(warned=1)
        clock.shift(A_MILLISECOND)
        assert sweep_sessions() == SweepResult(expired=1)

        session.refresh_from_db()
        assert session.close_reason == Session.CloseReason.EXPIRED
        assert session.closed_at == NOON + minutes(30)
        assert session.sweep_at is None

    def test_records_the_deadline_however_late_the_sweep(self, session, clock):
        clock.shift(minutes(600))

        sweep_sessions()

        session.refresh_from_db()
        assert session.closed_at == NOON + minutes(30)
        event = session.events.get(kind=Event.Kind.EXPIRED)
        assert event.deadline == NOON + minutes(30)
        assert event.created_at == NOON + minutes(600)

    def test_comes_once(self, session, clock):
        clock.shift(minutes(30))

        assert [sweep_sessions().expired for _ in range(3)] == [1, 0, 0]
        assert expiries(session) == [NOON + minutes(30)]

    def test_leaves_ended_sessions_alone(self, session, clock):
        end_session(principal=SYSTEM, session_id=session.pk)
        clock.shift(minutes(30))

        assert sweep_sessions() == SweepResult()


class TestSignals:
    @pytest.mark.parametrize(
        ("signal", "passed", "kind"),
        [
            pytest.param(signals.session_expiration_warned, 25, "warned", id="warned"),
            pytest.param(signals.session_expired, 30, "expired", id="expired"),
        ],
    )
    def test_come_after_the_commit(
        self,
        session,
        clock,
        received,
        django_capture_on_commit_callbacks,
        signal,
        passed,
        kind,
    ):
        heard = received(signal)
        clock.shift(minutes(passed))

        with django_capture_on_commit_callbacks(execute=True):
            sweep_sessions()
            assert heard == []

        [arguments] = heard
        assert arguments["sender"] is Session
        assert arguments["session"] == session
        assert arguments["event"] == session.events.get(kind=kind)

    def test_failing_receiver_loses_nothing(
        self, session_factory, clock, received, caplog, django_capture_on_commit_callbacks
    ):
        def fail(**_arguments):
            raise RuntimeError("receiver failed")

        for _ in range(2):
            session_factory()
        signals.session_expired.connect(fail)
        heard = received(signals.session_expired)
        clock.shift(minutes(30))

        try:
            with django_capture_on_commit_callbacks(execute=True):
                assert sweep_sessions().expired == 2
        finally:
            signals.session_expired.disconnect(fail)

        assert len(heard) == 2
        assert Event.objects.filter(kind=Event.Kind.EXPIRED).count() == 2
        assert [record.exc_info[1].args for record in caplog.records] == [
            ("receiver failed",)
        ] * 2


class TestBatches:
    @pytest.fixture
    def due(self, session_factory, clock):
        """Make so many sessions that are due."""

        def make(count):
            sessions = [session_factory() for _ in range(count)]
            clock.shift(minutes(30))
            return sessions

        return make

    @pytest.fixture
    def sizes(self, monkeypatch):
        """Have batches of 10 to 30 rows, of which the fourth takes too long; note them."""
        monkeypatch.setattr(sweep, "BATCH", 10)
        monkeypatch.setattr(sweep, "LARGEST_BATCH", 30)
        sweep_batch, sizes = sweep._sweep_batch, []

        def noted(size, result):
            sizes.append(size)
            monkeypatch.setattr(sweep, "BATCH_SECONDS", 0 if len(sizes) == 4 else 1000)
            return sweep_batch(size, result)

        monkeypatch.setattr(sweep, "_sweep_batch", noted)
        return sizes

    def test_are_bounded_by_time_and_cover_everything(self, due, sizes):
        due(105)

        with CaptureQueriesContext(connection) as queries:
            assert sweep_sessions() == SweepResult(expired=105)

        assert sizes == [10, 20, 30, 30, 10, 20]
        assert len([query for query in queries if " LIMIT 30" in query["sql"]]) == 2
        assert Event.objects.filter(kind=Event.Kind.EXPIRED).count() == 105
        assert not Session.objects.exclude(sweep_at=None).exists()

    def test_do_with_each_what_it_is_due_for(self, session_factory, clock):
        renewed, warned_before = session_factory(), session_factory()
        clock.shift(minutes(26))
        update(renewed, timeout_minutes=60)
        sweep_sessions()
        update(warned_before, timeout_minutes=31)
        sweep_sessions()
        update(warned_before, timeout_minutes=30)
        warned = session_factory(timeouts={"timeout_minutes": 8})
        expired = session_factory(timeouts={"warning_threshold_minutes": 1})
        Session.objects.filter(pk=expired.pk).update(
            expires_at=NOON + minutes(28), sweep_at=NOON + minutes(28)
        )
        Session.objects.filter(pk=renewed.pk).update(sweep_at=NOON)
        clock.shift(minutes(3))

        assert sweep_sessions() == SweepResult(warned=1, expired=1)

        told = Event.objects.filter(created_at=NOON + minutes(29), sequence=2)
        assert dict(told.values_list("session", "kind")) == {
            warned.pk: Event.Kind.WARNED,
            expired.pk: Event.Kind.EXPIRED,
        }
        assert dict(Session.objects.values_list("pk", "sweep_at")) == {
            renewed.pk: NOON + minutes(55),
            warned_before.pk: NOON + minutes(30),
            warned.pk: NOON + minutes(34),
            expired.pk: None,
        }
        assert sweep_sessions() == SweepResult()

    def test_end_also_where_the_last_one_is_full(self, due, monkeypatch):
        monkeypatch.setattr(sweep, "BATCH", 10)
        monkeypatch.setattr(sweep, "LARGEST_BATCH", 10)
        due(20)

        assert sweep_sessions() == SweepResult(expired=20)

    @pytest.mark.parametrize("count", [1, 10, 80])
    def test_query_count_does_not_grow(self, due, count, django_assert_num_queries):
        due(count)

        # Savepoint, due sessions, unanswered ones, all with events and audit, which are
        # two more on SQLite, release.
        with django_assert_num_queries(5 if connection.vendor == "postgresql" else 7):
            assert sweep_sessions().expired == count

    @pytest.mark.parametrize("count", [1, 10, 80])
    def test_query_count_of_warnings(
        self, session_factory, clock, count, django_assert_num_queries
    ):
        for _ in range(count):
            session_factory()
        clock.shift(minutes(25))

        # Savepoint, due sessions, warnings with events, which are one more on SQLite,
        # release.
        with django_assert_num_queries(4 if connection.vendor == "postgresql" else 5):
            assert sweep_sessions().warned == count

    def test_query_count_of_those_looked_at_too_soon(
        self, session, clock, django_assert_num_queries
    ):
        clock.shift(minutes(10))
        renew(session)
        clock.shift(minutes(15))

        # Savepoint, due sessions, when they are due, release.
        with django_assert_num_queries(4):
            assert sweep_sessions() == SweepResult()

    def test_query_count_with_nothing_due(self, session, django_assert_num_queries):
        with django_assert_num_queries(3):
            sweep_sessions()


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    def test_sweeps_share_the_work(self, session_factory, clock, received, monkeypatch):
        monkeypatch.setattr(sweep, "BATCH", 5)
        heard = received(signals.session_expired)
        for _ in range(40):
            session_factory()
        clock.shift(minutes(30))

        results = together([sweep_sessions] * 4)
        # Whoever stops at a batch made short by locks leaves the rest to the next sweep.
        results.append(sweep_sessions())

        assert sum(result.expired for result in results) == 40
        assert Event.objects.filter(kind=Event.Kind.EXPIRED).count() == 40
        assert len(heard) == 40

    def test_renewals_and_sweep(self, session_factory, clock):
        sessions = [session_factory() for _ in range(10)]
        clock.shift(minutes(25))

        results = together(
            [
                sweep_sessions,
                *(lambda session=session: renew(session) for session in sessions),
            ]
        )

        assert not [result for result in results if isinstance(result, Exception)]
        for session in Session.objects.all():
            assert session.renewal_count == 1
            assert session.expires_at == NOON + minutes(55)
            assert warnings(session) in ([], [NOON + minutes(30)])
            assert session.sweep_at <= session.warns_at
