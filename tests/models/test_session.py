"""The words of a session and its query set."""

from datetime import timedelta

import pytest

from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.sweep import sweep_sessions
from tests.conftest import NOON, minutes

pytestmark = pytest.mark.django_db
A_MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def session(clock, session_factory):
    return session_factory()


@pytest.mark.parametrize(
    ("passed", "active", "near", "expired"),
    [
        pytest.param(minutes(0), True, False, False, id="new"),
        pytest.param(minutes(25) - A_MILLISECOND, True, False, False, id="not-yet-near"),
        pytest.param(minutes(25), True, True, False, id="near"),
        pytest.param(minutes(30) - A_MILLISECOND, True, True, False, id="last-moment"),
        pytest.param(minutes(30), False, False, True, id="over"),
    ],
)
def test_rows_and_queries_agree(session, passed, active, near, expired):
    now, everything = NOON + passed, Session.objects.all()

    assert everything.active(now).exists() is active
    assert everything.near_expiration(now).exists() is near
    assert everything.expired(now).exists() is expired
    assert session.is_near_expiration(now) is near
    assert session.is_expired(now) is expired


def test_swept_session_stays_expired(session, clock):
    clock.shift(minutes(30))
    sweep_sessions()
    session.refresh_from_db()

    # Even for a clock that is behind.
    assert session.is_expired(NOON)
    assert Session.objects.expired(NOON).exists()
    assert not Session.objects.active(NOON).exists()


def test_ended_session_is_neither_active_nor_expired(session):
    end_session(principal=SYSTEM, session_id=session.pk)

    for now in (NOON, NOON + minutes(60)):
        assert not Session.objects.active(now).exists()
        assert not Session.objects.expired(now).exists()
    assert Session.objects.ended().exists()


@pytest.mark.parametrize(
    ("passed", "milliseconds"),
    [
        (minutes(0), 1_800_000),
        (minutes(30) - A_MILLISECOND, 1),
        (minutes(30), 0),
        (minutes(60), 0),
    ],
)
def test_time_remaining(session, passed, milliseconds):
    assert session.time_remaining(NOON + passed) == milliseconds


def test_due_come_the_longest_overdue_first(session_factory, clock):
    late = session_factory(timeouts={"timeout_minutes": 60})
    soon = session_factory(timeouts={"timeout_minutes": 10})

    assert list(Session.objects.due(NOON + minutes(55))) == [soon, late]
    assert list(Session.objects.due(NOON + minutes(54))) == [soon]
