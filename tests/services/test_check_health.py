"""How the service is."""

from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError, connection

from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.overview import Status, check_health
from django_eliza_sessions.services.sweep import sweep_sessions
from tests.conftest import minutes

pytestmark = pytest.mark.django_db


def test_counts_live_sessions(session_factory, clock):
    end_session(principal=SYSTEM, session_id=session_factory().pk)
    session_factory(timeouts={"timeout_minutes": 5})
    session_factory(timeouts={"timeout_minutes": 6})
    session_factory(timeouts={"timeout_minutes": 7})
    clock.shift(minutes(1))

    health = check_health()

    assert health.active == 3
    assert health.expiring_soon == 2
    clock.shift(minutes(4))
    assert check_health().active == 2


def test_is_degraded_when_no_sweep_runs(session, clock, configure):
    configure(SWEEP_INTERVAL_SECONDS=20)
    clock.shift(minutes(26) - timedelta(milliseconds=1))
    assert check_health().status is Status.HEALTHY

    clock.shift(timedelta(milliseconds=1))
    assert check_health().status is Status.DEGRADED

    sweep_sessions()
    assert check_health().status is Status.HEALTHY


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_is_unhealthy_when_the_database_does_not_answer(session, error):
    def fail(*_arguments):
        raise error("connection lost")

    with connection.execute_wrapper(fail):
        health = check_health()

    assert health.status is Status.UNHEALTHY
    assert (health.active, health.expiring_soon) == (0, 0)


def test_uptime_is_of_this_process():
    assert 0 <= check_health().uptime < 24 * 60 * 60


def test_query_count(session, django_assert_num_queries):
    with django_assert_num_queries(3):
        check_health()
