"""A sign of life."""

import pytest
from django.db import connection

from django_eliza_sessions import signals
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import record_heartbeat
from tests.conftest import NOON, minutes

pytestmark = pytest.mark.django_db


def beat(session):
    record_heartbeat(principal=SYSTEM, session_id=session.pk)
    session.refresh_from_db()


def test_renews_a_session_that_renews_itself(session, clock):
    clock.shift(minutes(10))

    beat(session)

    assert session.last_activity_at == session.renewed_at == NOON + minutes(10)
    assert session.expires_at == NOON + minutes(40)
    assert session.renewal_count == 1


def test_only_notes_activity_without_auto_renew(session_factory, clock):
    session = session_factory(timeouts={"auto_renew": False})
    clock.shift(minutes(10))

    beat(session)

    assert session.last_activity_at == NOON + minutes(10)
    assert session.renewed_at == NOON
    assert session.expires_at == NOON + minutes(30)
    assert session.renewal_count == 0


def test_adds_nothing_at_the_hard_deadline(
    session_factory, clock, received, django_capture_on_commit_callbacks
):
    session = session_factory(timeouts={"max_duration_minutes": 20})
    renewed = received(signals.session_renewed)
    clock.shift(minutes(10))

    with django_capture_on_commit_callbacks(execute=True):
        beat(session)

    assert session.last_activity_at == NOON + minutes(10)
    assert session.renewed_at == NOON
    assert session.expires_at == NOON + minutes(20)
    assert session.renewal_count == 0
    assert renewed == []


def test_keeps_alive_until_the_maximum_duration(session_factory, clock):
    session = session_factory(timeouts={"max_duration_minutes": 60})

    for _ in range(5):
        clock.shift(minutes(10))
        beat(session)

    # The beats at 10, 20 and 30 minutes; from then on it lasts as long as it can.
    assert session.renewal_count == 3
    assert session.expires_at == NOON + minutes(60)


def test_query_count(session, django_assert_num_queries):
    # In a transaction: savepoint, update, release. SQLite cannot tell what is locked, so
    # there it looks at the session, too.
    with django_assert_num_queries(3 if connection.vendor == "postgresql" else 4):
        record_heartbeat(principal=SYSTEM, session_id=session.pk)
