"""Renewing a session by hand."""

import pytest
from django.db import connection

from django_eliza_sessions import signals
from django_eliza_sessions.exceptions import SessionRenewalError
from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import renew_session
from tests.conftest import NOON, minutes

pytestmark = pytest.mark.django_db


def renew(session):
    return renew_session(principal=SYSTEM, session_id=session.pk)


@pytest.mark.parametrize("auto_renew", [True, False])
def test_moves_the_anchor_whatever_auto_renew_says(session_factory, clock, auto_renew):
    session = session_factory(timeouts={"auto_renew": auto_renew})
    clock.shift(minutes(10))

    renewed = renew(session)

    session.refresh_from_db()
    assert session.expires_at == renewed.expires_at == NOON + minutes(40)
    assert session.warns_at == NOON + minutes(35)
    assert session.renewed_at == session.last_activity_at == NOON + minutes(10)
    assert session.renewal_count == 1


def test_counts(session):
    assert [renew(session).renewal_count for _ in range(3)] == [1, 2, 3]


def test_reaches_the_maximum_duration_and_no_further(session_factory, clock):
    session = session_factory(timeouts={"max_duration_minutes": 45})
    clock.shift(minutes(20))
    assert renew(session).expires_at == NOON + minutes(45)
    stored = Session.objects.filter(pk=session.pk).values().get()
    clock.shift(minutes(20))

    with pytest.raises(SessionRenewalError) as raised:
        renew(session)

    assert raised.value.context == {
        "session_id": str(session.pk),
        "expires_at": NOON + minutes(45),
        "max_duration_minutes": 45,
    }
    assert Session.objects.filter(pk=session.pk).values().get() == stored


def test_refuses_where_both_deadlines_are_one(session_factory):
    session = session_factory(timeouts={"max_duration_minutes": 30})

    with pytest.raises(SessionRenewalError):
        renew(session)


def test_announces(session, received, django_capture_on_commit_callbacks):
    renewed = received(signals.session_renewed)

    with django_capture_on_commit_callbacks(execute=True):
        renew(session)
        assert renewed == []

    assert [arguments["session"] for arguments in renewed] == [session]
    assert renewed[0]["session"].renewal_count == 1


def test_query_count(session, django_assert_num_queries):
    # In a transaction: savepoint, renewal, release; or session and audit by themselves.
    with django_assert_num_queries(3 if connection.vendor == "postgresql" else 5):
        renew(session)
