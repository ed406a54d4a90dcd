"""Deleting what has outlived its retention."""

import pytest

from django_eliza_sessions.models import Event, Message, Reply, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import ending, retention
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.sweep import purge_sessions, sweep_sessions
from tests.conftest import minutes

pytestmark = pytest.mark.django_db
DAY = minutes(24 * 60)


def test_keeps_everything_unless_asked(session, clock, django_assert_num_queries):
    end_session(principal=SYSTEM, session_id=session.pk)
    clock.shift(1000 * DAY)

    # Idempotency keys, counts, whether there are past events, and what agents say.
    with django_assert_num_queries(4):
        assert purge_sessions() == 0


@pytest.mark.parametrize("over", ["ended", "expired"])
def test_deletes_after_the_retention(session, clock, configure, over):
    configure(RETENTION_DAYS=7)
    if over == "ended":
        end_session(principal=SYSTEM, session_id=session.pk)
    else:
        clock.shift(minutes(30))
        sweep_sessions()
    clock.shift(7 * DAY)
    assert purge_sessions() == 0
    clock.shift(minutes(1))

    assert purge_sessions() == 1

    assert not Session.objects.exists()


def test_counts_from_the_deadline_however_late_the_sweep(session, clock, configure):
    configure(RETENTION_DAYS=7)
    clock.shift(8 * DAY)
    assert purge_sessions() == 0

    sweep_sessions()

    assert purge_sessions() == 1


def test_leaves_live_sessions_alone(session_factory, clock, configure):
    configure(RETENTION_DAYS=1)
    session_factory(timeouts={"timeout_minutes": 1440, "max_duration_minutes": 2880})
    clock.shift(DAY - minutes(1))

    assert purge_sessions() == 0


def test_takes_everything_of_the_session_along(session, agent, clock, configure):
    configure(RETENTION_DAYS=1)
    send_message(principal=SYSTEM, session_id=session.pk, content="Hello", transport="http")
    end_session(principal=SYSTEM, session_id=session.pk)
    clock.shift(2 * DAY)

    assert purge_sessions() == 1

    for model in (Session, Message, Reply, Event):
        assert not model.objects.exists()
    agent.refresh_from_db()


def test_works_in_batches(session_factory, clock, configure, monkeypatch):
    configure(RETENTION_DAYS=1)
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        session_factory()
    ending.end_all_sessions()
    clock.shift(2 * DAY)

    assert purge_sessions() == 5


@pytest.mark.parametrize("count", [1, 10])
def test_query_count_does_not_grow(
    session_factory, clock, configure, count, django_assert_num_queries
):
    configure(RETENTION_DAYS=1)
    for _ in range(count):
        session = session_factory()
        send_message(principal=SYSTEM, session_id=session.pk, content="Hello")
    ending.end_all_sessions()
    clock.shift(2 * DAY)

    # Old idempotency keys and counts, past events, what agents say; savepoint, sessions;
    # of each of seven tables the rows, locked, and where there are any their deletion, for
    # which Django collects what refers to them; audit; release; then an empty batch of
    # three.
    with django_assert_num_queries(34):
        assert purge_sessions() == count
