"""What PostgreSQL has to write for what happens again and again."""

from datetime import timedelta

import pytest
from django.db import connection

from benchmarks.rows import add_sessions
from django_eliza_sessions.models import Agent, RateCount, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import record_heartbeat, renew_session
from tests.conftest import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def updates(model):
    """Return how many rows this connection has updated, and how many without an index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = %s",
            [model._meta.db_table],
        )
        return cursor.fetchone()


def changed(model, work):
    before = updates(model)
    work()
    return tuple(now - then for now, then in zip(updates(model), before, strict=True))


# Of each page a tenth of the rows, once: that must find room on the page, whatever other
# transactions keep the old versions from being removed.


@pytest.mark.parametrize("operation", [record_heartbeat, renew_session])
def test_signs_of_life_touch_no_index(clock, operation):
    add_sessions(500, agent_id=Agent.objects.create(name="Eliza").pk)
    ids = list(Session.objects.values_list("pk", flat=True))[::10]
    clock.shift(timedelta(seconds=1))

    def live():
        for session_id in ids:
            operation(principal=SYSTEM, session_id=session_id)

    assert changed(Session, live) == (50, 50)


def test_counting_touches_no_index():
    windows = [f"{number:0100}" for number in range(500)]
    for window in windows:
        RateCount.take(window, 10, NOON)

    def count():
        for window in windows[::10]:
            RateCount.take(window, 10, NOON)

    assert changed(RateCount, count) == (50, 50)
