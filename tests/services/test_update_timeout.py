"""Changing the timeouts of a live session."""

from datetime import timedelta

import pytest

from django_eliza_sessions.exceptions import InvalidTimeoutConfigError
from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import (
    record_heartbeat,
    renew_session,
    update_timeout,
)
from tests.conftest import NOON, minutes

pytestmark = pytest.mark.django_db


def update(session, **timeouts):
    update_timeout(principal=SYSTEM, session_id=session.pk, timeouts=timeouts)
    session.refresh_from_db()


def stored(session):
    return Session.objects.filter(pk=session.pk).values().get()


@pytest.mark.parametrize(
    ("field", "value", "expires_at", "warns_at"),
    [
        pytest.param("timeout_minutes", 60, 60, 55, id="timeout"),
        pytest.param("auto_renew", False, 30, 25, id="auto-renew"),
        pytest.param("max_duration_minutes", 20, 20, 15, id="duration"),
        pytest.param("warning_threshold_minutes", 10, 30, 20, id="threshold"),
    ],
)
def test_changes_one_field(session, clock, field, value, expires_at, warns_at):
    before = session.timeout_config

    update(session, **{field: value})

    assert session.timeout_config == before.overridden_by({field: value})
    assert session.expires_at == NOON + minutes(expires_at)
    assert session.warns_at == NOON + minutes(warns_at)


def test_keeps_what_was_changed_before(session):
    update(session, timeout_minutes=60)
    update(session, warning_threshold_minutes=10)

    assert session.timeout_minutes == 60


@pytest.mark.parametrize("timeouts", [{}, {"unknown": 1}], ids=["empty", "unknown"])
def test_nothing_asked_changes_nothing(session, clock, timeouts):
    before = stored(session)
    clock.shift(minutes(10))

    update(session, **timeouts)

    assert stored(session) == before


def test_is_no_activity(session, clock):
    clock.shift(minutes(10))

    update(session, timeout_minutes=60)

    assert session.last_activity_at == NOON
    assert session.renewal_count == 0


def test_keeps_the_anchor(session, clock):
    clock.shift(minutes(20))
    renew_session(principal=SYSTEM, session_id=session.pk)
    clock.shift(minutes(5))

    update(session, timeout_minutes=10)

    assert session.renewed_at == NOON + minutes(20)
    assert session.expires_at == NOON + minutes(30)


class TestNull:
    @pytest.mark.parametrize(
        ("field", "own", "inherited"),
        [
            ("timeout_minutes", 60, 30),
            ("auto_renew", False, True),
            ("max_duration_minutes", 100, 720),
            ("warning_threshold_minutes", 10, 5),
        ],
    )
    def test_puts_back_to_inherited(self, session_factory, field, own, inherited):
        session = session_factory(timeouts={field: own, "timeout_minutes": 60})

        update(session, **{field: None})

        assert getattr(session, field) == inherited

    def test_inherits_what_the_agent_says_now(self, session, agent):
        agent.timeout_minutes = 90
        agent.save()

        update(session, timeout_minutes=None)

        assert session.timeout_minutes == 90

    def test_leaves_the_other_fields_alone(self, session_factory):
        session = session_factory(timeouts={"max_duration_minutes": 100})

        update(session, timeout_minutes=None)

        assert session.max_duration_minutes == 100


class TestNeverEndsRetroactively:
    @pytest.mark.parametrize("field", ["timeout_minutes", "max_duration_minutes"])
    @pytest.mark.parametrize(
        "passed",
        [
            pytest.param(minutes(20), id="at-once"),
            pytest.param(minutes(21), id="a-minute-ago"),
        ],
    )
    def test_refuses_a_past_deadline(self, session, clock, field, passed):
        before = stored(session)
        clock.shift(passed)

        with pytest.raises(InvalidTimeoutConfigError) as raised:
            update(session, **{field: 20})

        assert raised.value.context == {
            "field": "timeout_config",
            "expires_at": NOON + minutes(20),
        }
        assert stored(session) == before

    def test_accepts_the_last_millisecond(self, session, clock):
        clock.shift(minutes(20) - timedelta(milliseconds=1))

        update(session, timeout_minutes=20)

        assert session.expires_at == NOON + minutes(20)

    def test_inherited_value_may_not_end_it_either(self, session_factory, clock):
        session = session_factory(timeouts={"timeout_minutes": 60})
        clock.shift(minutes(45))

        with pytest.raises(InvalidTimeoutConfigError):
            update(session, timeout_minutes=None)


def test_one_bad_value_changes_nothing(session):
    before = stored(session)

    with pytest.raises(InvalidTimeoutConfigError, match="warning_threshold_minutes"):
        update(session, timeout_minutes=60, warning_threshold_minutes=0)

    assert stored(session) == before


def test_longer_duration_makes_renewal_possible_again(session_factory, clock):
    session = session_factory(timeouts={"max_duration_minutes": 20})
    clock.shift(minutes(10))

    update(session, max_duration_minutes=720)
    record_heartbeat(principal=SYSTEM, session_id=session.pk)
    session.refresh_from_db()

    assert session.expires_at == NOON + minutes(40)
    assert session.renewal_count == 1


@pytest.mark.parametrize(
    ("timeouts", "sweep_at"),
    [
        pytest.param({"timeout_minutes": 10}, 5, id="earlier-deadline"),
        pytest.param({"warning_threshold_minutes": 20}, 10, id="earlier-warning"),
        pytest.param({"timeout_minutes": 60}, 25, id="later-is-left-to-the-sweep"),
    ],
)
def test_sweep_never_comes_too_late(session, clock, timeouts, sweep_at):
    update(session, **timeouts)

    assert session.sweep_at == NOON + minutes(sweep_at)


def test_query_count(session, django_assert_num_queries):
    # Savepoint, session with agent, update, audit, release.
    with django_assert_num_queries(5):
        update_timeout(
            principal=SYSTEM, session_id=session.pk, timeouts={"timeout_minutes": None}
        )
