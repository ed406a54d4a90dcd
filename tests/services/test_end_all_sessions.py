"""Ending everything, when the whole service stops."""

import pytest
from django.db import connection

from django_eliza_sessions import signals
from django_eliza_sessions.models import Event, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import ending
from django_eliza_sessions.services.ending import end_all_sessions
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.sweep import sweep_sessions
from tests.conftest import NOON, minutes

pytestmark = pytest.mark.django_db


def test_ends_every_live_session(
    session_factory, received, django_capture_on_commit_callbacks
):
    ended = received(signals.session_ended)
    for _ in range(3):
        session_factory()

    with django_capture_on_commit_callbacks(execute=True):
        assert end_all_sessions() == 3

    assert Session.objects.ended().filter(closed_at=NOON, sweep_at=None).count() == 3
    assert Event.objects.filter(kind=Event.Kind.ENDED).count() == 3
    assert len(ended) == 3
    assert end_all_sessions() == 0


@pytest.mark.parametrize("swept", [False, True], ids=["unswept", "swept"])
def test_leaves_expired_sessions_expired(session, clock, swept):
    clock.shift(minutes(30))
    if swept:
        sweep_sessions()

    assert end_all_sessions() == 0
    assert Session.objects.expired(NOON + minutes(30)).count() == 1


def test_leaves_ended_sessions_alone(session):
    end_session(principal=SYSTEM, session_id=session.pk)

    assert end_all_sessions() == 0
    assert Event.objects.filter(kind=Event.Kind.ENDED).count() == 1


def test_works_in_batches(session_factory, monkeypatch):
    monkeypatch.setattr(ending, "BATCH", 2)
    for _ in range(5):
        session_factory()

    assert end_all_sessions() == 5


@pytest.mark.parametrize("count", [1, 10, 80])
def test_query_count_does_not_grow(session_factory, count, django_assert_num_queries):
    for _ in range(count):
        session_factory()

    # Savepoint, sessions, unanswered ones, expired ones, the others with events and audit,
    # which are two more on SQLite, release; and two empty batches of three.
    with django_assert_num_queries(12 if connection.vendor == "postgresql" else 14):
        assert end_all_sessions() == count
