"""Legal holds."""

import uuid

import pytest

from django_eliza_sessions.exceptions import (
    InvalidRequestError,
    PermissionDeniedError,
    SessionNotFoundError,
)
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services.holds import hold_session, lift_hold
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.messages import send_message

pytestmark = pytest.mark.django_db


def test_is_set_with_a_reason_and_lifted(session):
    end_session(principal=SYSTEM, session_id=session.pk)  # Also on one that is over.
    hold_session(principal=SYSTEM, session_id=session.pk, reason=" Case 7\n")
    session.refresh_from_db()
    assert (session.legal_hold, session.hold_reason) == (True, "Case 7")

    for _ in range(2):
        lift_hold(principal=SYSTEM, session_id=session.pk)
        session.refresh_from_db()
        assert (session.legal_hold, session.hold_reason) == (False, "")


def test_does_not_hinder_its_use(session):
    hold_session(principal=SYSTEM, session_id=session.pk, reason="Case 7")
    send_message(principal=SYSTEM, session_id=session.pk, content="Hello")
    end_session(principal=SYSTEM, session_id=session.pk)
    session.refresh_from_db()
    assert session.legal_hold


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001, "a\0b", "\ud800"], ids=repr)
def test_needs_a_reason_that_can_be_kept(session, reason):
    with pytest.raises(InvalidRequestError, match="reason must"):
        hold_session(principal=SYSTEM, session_id=session.pk, reason=reason)
    session.refresh_from_db()
    assert not session.legal_hold


def test_needs_a_session():
    with pytest.raises(SessionNotFoundError):
        hold_session(principal=SYSTEM, session_id=uuid.uuid4(), reason="Case 7")
    with pytest.raises(SessionNotFoundError):
        lift_hold(principal=SYSTEM, session_id=uuid.uuid4())


def test_takes_an_administrator(session):
    owner = Principal(id=session.owner)
    with pytest.raises(PermissionDeniedError):
        hold_session(principal=owner, session_id=session.pk, reason="Case 7")
    with pytest.raises(PermissionDeniedError):
        lift_hold(principal=owner, session_id=session.pk)
