"""How the service is."""

from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError, connection

from django_eliza_sessions.backends import AgentReply
from django_eliza_sessions.models import Reply
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.holding import complete_reply, take_reply
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.overview import Status, check_health
from django_eliza_sessions.services.relay import relay_events
from django_eliza_sessions.services.sweep import sweep_sessions
from tests.conftest import NOON, minutes

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
    relay_events()
    clock.shift(minutes(26) - timedelta(milliseconds=1))
    assert check_health().status is Status.HEALTHY

    clock.shift(timedelta(milliseconds=1))
    assert check_health().status is Status.DEGRADED

    sweep_sessions()
    assert check_health().status is Status.HEALTHY


class TestReplies:
    """Nobody answers them but the test. Sweeps every 10 seconds, handed out for 10."""

    PATIENCE = timedelta(seconds=40)
    ALMOST = PATIENCE - timedelta(milliseconds=1)

    @pytest.fixture(autouse=True)
    def unanswered(self, handed_out):
        """Have them handed to nobody."""

    def send(self, session):
        sent = send_message(principal=SYSTEM, session_id=session.pk, content="Hi")
        relay_events()
        return sent.reply

    def test_is_degraded_when_nobody_takes_them(self, session, clock):
        reply = self.send(session)
        clock.shift(self.ALMOST)
        assert check_health().status is Status.HEALTHY

        clock.shift(timedelta(milliseconds=1))
        assert check_health().status is Status.DEGRADED

        assert take_reply(reply.pk)
        assert check_health().status is Status.HEALTHY

    def test_is_degraded_when_a_lost_one_stays_lost(self, session, clock):
        assert take_reply(self.send(session).pk)  # For 15 seconds.
        clock.shift(timedelta(seconds=15) + self.ALMOST)
        assert check_health().status is Status.HEALTHY

        clock.shift(timedelta(milliseconds=1))
        assert check_health().status is Status.DEGRADED

    def test_one_that_waited_for_its_turn_is_given_time(self, session, clock):
        first, second = self.send(session), self.send(session)
        first = take_reply(first.pk)
        Reply.objects.update(lease_until=NOON + minutes(10))
        clock.shift(minutes(2))
        assert check_health().status is Status.HEALTHY
        complete_reply(first, AgentReply(text="Hello."))
        relay_events()
        assert check_health().status is Status.HEALTHY

        clock.shift(self.PATIENCE)
        assert check_health().status is Status.DEGRADED
        assert take_reply(second.pk)
        assert check_health().status is Status.HEALTHY


def test_is_degraded_when_no_event_is_handed_out(asked_for, session, clock):
    clock.shift(timedelta(seconds=30) - timedelta(milliseconds=1))
    assert check_health().status is Status.HEALTHY

    clock.shift(timedelta(milliseconds=1))
    assert check_health().status is Status.DEGRADED

    relay_events()
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
    # What has waited, and the sessions.
    with django_assert_num_queries(2):
        check_health()


def test_query_count_with_an_old_reply(
    handed_out, session, clock, django_assert_num_queries
):
    send_message(principal=SYSTEM, session_id=session.pk, content="Hi")
    relay_events()
    clock.shift(minutes(1))

    # And whether it is the reply's turn.
    with django_assert_num_queries(3):
        assert check_health().status is Status.DEGRADED
