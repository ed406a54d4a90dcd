"""Ending a session for good."""

import pytest

from django_eliza_sessions import signals
from django_eliza_sessions.models import Event, Message, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.sweep import sweep_sessions
from tests.conftest import NOON, minutes

pytestmark = pytest.mark.django_db


def end(session):
    end_session(principal=SYSTEM, session_id=session.pk)
    session.refresh_from_db()


def events(session):
    return list(
        session.events.order_by("sequence").values_list("sequence", "kind", "deadline")
    )


def test_closes(session, clock):
    clock.shift(minutes(10))

    end(session)

    assert session.close_reason == Session.CloseReason.ENDED
    assert session.closed_at == NOON + minutes(10)
    assert session.sweep_at is None
    assert session.expires_at == NOON + minutes(30)
    assert events(session) == [(1, Event.Kind.CREATED, None), (2, Event.Kind.ENDED, None)]


def test_keeps_the_messages(session):
    send_message(principal=SYSTEM, session_id=session.pk, content="Hello")

    end(session)

    assert Message.objects.filter(session=session).count() == 1


def test_nothing_revives_it(session, clock):
    end(session)
    clock.shift(minutes(60))

    sweep_sessions()

    session.refresh_from_db()
    assert session.close_reason == Session.CloseReason.ENDED
    assert len(events(session)) == 2


@pytest.mark.parametrize("swept", [False, True], ids=["unswept", "swept"])
def test_expired_session_ends_after_its_expiry(session, clock, swept):
    clock.shift(minutes(40))
    if swept:
        sweep_sessions()

    end(session)

    assert session.close_reason == Session.CloseReason.ENDED
    assert session.closed_at == NOON + minutes(40)
    assert events(session) == [
        (1, Event.Kind.CREATED, None),
        (2, Event.Kind.EXPIRED, NOON + minutes(30)),
        (3, Event.Kind.ENDED, None),
    ]


@pytest.mark.parametrize(("passed", "expiries"), [(10, 0), (40, 1)])
def test_announces(
    session, clock, received, django_capture_on_commit_callbacks, passed, expiries
):
    ended, expired = received(signals.session_ended), received(signals.session_expired)
    clock.shift(minutes(passed))

    with django_capture_on_commit_callbacks(execute=True):
        end(session)

    assert [arguments["session"] for arguments in ended] == [session]
    assert len(expired) == expiries


def test_query_count(session, django_assert_num_queries):
    # Savepoint, session with agent, its unfinished replies, update, events, audit,
    # release.
    with django_assert_num_queries(7):
        end_session(principal=SYSTEM, session_id=session.pk)
