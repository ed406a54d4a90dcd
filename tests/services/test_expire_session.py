"""Letting a session expire before its time."""

import pytest

from django_eliza_sessions import signals
from django_eliza_sessions.exceptions import SessionExpiredError
from django_eliza_sessions.models import Event, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import expire_session
from django_eliza_sessions.services.lookup import get_session
from django_eliza_sessions.services.sweep import sweep_sessions
from tests.conftest import NOON, minutes

pytestmark = pytest.mark.django_db


def test_expires_now(session, clock, received, django_capture_on_commit_callbacks):
    expired = received(signals.session_expired)
    clock.shift(minutes(10))

    with django_capture_on_commit_callbacks(execute=True):
        expire_session(principal=SYSTEM, session_id=session.pk)

    session.refresh_from_db()
    assert session.close_reason == Session.CloseReason.EXPIRED
    assert session.expires_at == session.closed_at == NOON + minutes(10)
    event = session.events.get(kind=Event.Kind.EXPIRED)
    assert event.deadline == NOON + minutes(10)
    assert [arguments["event"] for arguments in expired] == [event]
    with pytest.raises(SessionExpiredError):
        get_session(principal=SYSTEM, session_id=session.pk)


def test_at_the_moment_of_creation(session, clock):
    expire_session(principal=SYSTEM, session_id=session.pk)

    assert Session.objects.get(pk=session.pk).expires_at == NOON


def test_sweep_has_nothing_to_add(session, clock):
    expire_session(principal=SYSTEM, session_id=session.pk)
    clock.shift(minutes(60))

    sweep_sessions()

    assert session.events.filter(kind=Event.Kind.EXPIRED).count() == 1


def test_query_count(session, django_assert_num_queries):
    # Savepoint, session with agent, its unfinished replies, update, event, audit,
    # release.
    with django_assert_num_queries(7):
        expire_session(principal=SYSTEM, session_id=session.pk)
