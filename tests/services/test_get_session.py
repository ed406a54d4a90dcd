"""Looking a session up: who sees it, and until when."""

import uuid
from datetime import timedelta

import pytest

from django_eliza_sessions.exceptions import SessionExpiredError, SessionNotFoundError
from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import (
    end_session,
    expire_session,
    record_heartbeat,
    renew_session,
    update_timeout,
)
from django_eliza_sessions.services.lookup import get_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.sweep import sweep_sessions
from tests.conftest import minutes

pytestmark = pytest.mark.django_db

NEED_A_LIVE_SESSION = {
    "get": get_session,
    "renew": renew_session,
    "heartbeat": record_heartbeat,
    "update_timeout": lambda **who: update_timeout(**who, timeouts={}),
    "send": lambda **who: send_message(**who, content="Hello"),
    "expire": expire_session,
}
OPERATIONS = NEED_A_LIVE_SESSION | {"end": end_session}
every_operation = pytest.mark.parametrize(
    "operation", OPERATIONS.values(), ids=OPERATIONS.keys()
)
operation_on_live = pytest.mark.parametrize(
    "operation", NEED_A_LIVE_SESSION.values(), ids=NEED_A_LIVE_SESSION.keys()
)


@every_operation
def test_owner_may(session_factory, owner, operation):
    session = session_factory(principal=owner)

    operation(principal=owner, session_id=session.pk)


@every_operation
def test_administrator_may(session_factory, owner, operation):
    session = session_factory(principal=owner)

    operation(principal=SYSTEM, session_id=session.pk)


@every_operation
def test_session_of_somebody_else_is_not_found(session_factory, owner, stranger, operation):
    session = session_factory(principal=owner)
    stored = Session.objects.filter(pk=session.pk).values().get()

    with pytest.raises(SessionNotFoundError) as raised:
        operation(principal=stranger, session_id=session.pk)

    assert raised.value.context == {"session_id": str(session.pk)}
    assert Session.objects.filter(pk=session.pk).values().get() == stored


@every_operation
def test_unknown_session_is_not_found(operation):
    with pytest.raises(SessionNotFoundError):
        operation(principal=SYSTEM, session_id=uuid.uuid4())


@every_operation
@pytest.mark.parametrize("swept", [False, True], ids=["live", "expired"])
def test_ended_session_is_not_found(session, clock, operation, swept):
    if swept:
        clock.shift(minutes(30))
        sweep_sessions()
    end_session(principal=SYSTEM, session_id=session.pk)

    for _ in range(2):
        with pytest.raises(SessionNotFoundError):
            operation(principal=SYSTEM, session_id=session.pk)


@operation_on_live
def test_lives_until_a_millisecond_before_its_deadline(session, clock, operation):
    clock.shift(minutes(30) - timedelta(milliseconds=1))

    operation(principal=SYSTEM, session_id=session.pk)


@operation_on_live
@pytest.mark.parametrize("swept", [False, True], ids=["unswept", "swept"])
def test_is_over_at_the_very_instant(session, clock, operation, swept):
    clock.shift(minutes(30))
    if swept:
        sweep_sessions()
    stored = Session.objects.filter(pk=session.pk).values().get()

    for _ in range(2):
        with pytest.raises(SessionExpiredError) as raised:
            operation(principal=SYSTEM, session_id=session.pk)

    assert raised.value.context == {
        "session_id": str(session.pk),
        "expires_at": session.expires_at,
    }
    assert Session.objects.filter(pk=session.pk).values().get() == stored


def test_expired_session_of_somebody_else_is_not_found(
    session_factory, owner, stranger, clock
):
    session = session_factory(principal=owner)
    clock.shift(minutes(30))

    with pytest.raises(SessionNotFoundError):
        get_session(principal=stranger, session_id=session.pk)


def test_reading_changes_nothing(session, clock):
    stored = Session.objects.filter(pk=session.pk).values().get()
    clock.shift(minutes(10))

    get_session(principal=SYSTEM, session_id=session.pk)

    assert Session.objects.filter(pk=session.pk).values().get() == stored


def test_query_count(session, django_assert_num_queries):
    with django_assert_num_queries(1):
        get_session(principal=SYSTEM, session_id=session.pk)
