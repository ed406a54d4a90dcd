"""Signs of life: one statement, where nobody else is at the session's row."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from django.db import connection, models, transaction

from django_eliza_sessions.exceptions import SessionRenewalError
from django_eliza_sessions.models import Session
from django_eliza_sessions.models.activity import update_session
from django_eliza_sessions.models.rows import failing_alone
from django_eliza_sessions.origin import current_origin
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.lookup import lock_session
from django_eliza_sessions.services.transitions import announce_renewal


def touch(
    *,
    principal: Principal,
    session_id: UUID,
    by_hand: bool,
    rows: Sequence[models.Model] = (),
) -> Session:
    """Note a sign of life, and renew the session if it renews itself.

    Args:
        principal: The caller.
        session_id: Of which session.
        by_hand: Renew it whatever its ``auto_renew`` says.
        rows: What is stored together with it.

    Returns:
        The session, perhaps renewed.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
        SessionRenewalError: It is to be renewed by hand, and already lasts until its
            maximum duration.
    """
    session = _touch_if_free(principal, session_id, rows, by_hand=by_hand)
    if session is None:
        with transaction.atomic():
            session = _touch_in_turn(principal, session_id, rows, by_hand=by_hand)
    if by_hand or session.was_just_renewed:
        announce_renewal(session)
    return session


def _touch_if_free(
    principal: Principal,
    session_id: UUID,
    rows: Sequence[models.Model],
    *,
    by_hand: bool,
) -> Session | None:
    """Note a sign of life, unless there is something to wait for or to say.

    Returns:
        ``None`` where nothing was done: the row is locked; the caller can see none that
        is live; it cannot be renewed by hand; or the database cannot tell what is locked.
    """
    if not connection.features.has_select_for_update_skip_locked:
        return None
    current_origin().session_id = str(session_id)
    with failing_alone():
        return update_session(
            session_id, clock.now(), rows=rows, by_hand=by_hand, caller=principal
        )


def _touch_in_turn(
    principal: Principal,
    session_id: UUID,
    rows: Sequence[models.Model],
    *,
    by_hand: bool,
) -> Session:
    """Note a sign of life once the session's row is locked, or say why not."""
    session, now = lock_session(principal=principal, session_id=session_id)
    if by_hand and session.is_at_hard_deadline:
        raise SessionRenewalError(
            "The session already lasts until its maximum duration of "
            f"{session.max_duration_minutes} minutes.",
            session_id=str(session_id),
            expires_at=session.expires_at,
            max_duration_minutes=session.max_duration_minutes,
        )
    # Locked, live and renewable, so it is found.
    return cast("Session", update_session(session_id, now, rows=rows, by_hand=by_hand))
