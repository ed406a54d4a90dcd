"""Signs of life: one statement, where nobody else is at the session's row."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from django.db import connection, models, transaction

from django_eliza_sessions.exceptions import SessionRenewalError
from django_eliza_sessions.models import Session
from django_eliza_sessions.models.activity import store_activity
from django_eliza_sessions.origin import current_origin
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.lookup import lock_session


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
    session = _touch_if_free(principal, session_id, by_hand, rows)
    if session is None:
        with transaction.atomic():
            session = _touch_in_turn(principal, session_id, by_hand, rows)
    return session


def _touch_if_free(
    principal: Principal,
    session_id: UUID,
    by_hand: bool,  # noqa: FBT001 - passed on by ``touch`` alone
    rows: Sequence[models.Model],
) -> Session | None:
    """Do so unless there is something to wait for or to say.

    Returns:
        ``None`` where nothing was done: the row is locked; the caller can see none that
        is live; it cannot be renewed by hand; or the database cannot tell what is locked.
    """
    if not connection.features.has_select_for_update_skip_locked:
        return None
    current_origin().session_id = str(session_id)
    return store_activity(
        session_id,
        clock.now(),
        rows=rows,
        by_hand=by_hand,
        owner=principal.sees_only,
        agent_ids=principal.agent_ids,
        if_free=True,
    )


def _touch_in_turn(
    principal: Principal,
    session_id: UUID,
    by_hand: bool,  # noqa: FBT001 - passed on by ``touch`` alone
    rows: Sequence[models.Model],
) -> Session:
    """Do so once the session's row can be locked, or say why not."""
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
    return cast("Session", store_activity(session_id, now, rows=rows, by_hand=by_hand))
