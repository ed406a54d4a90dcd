"""Signs of life: one statement, where nobody else is at the session's row."""

from typing import cast
from uuid import UUID

from django.db import connection

from django_eliza_sessions.exceptions import SessionRenewalError
from django_eliza_sessions.models import Session
from django_eliza_sessions.models.activity import store_activity
from django_eliza_sessions.origin import current_origin
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.lookup import lock_session


def touch_if_free(
    *, principal: Principal, session_id: UUID, by_hand: bool
) -> Session | None:
    """Note a sign of life, unless there is something to wait for or to say.

    Returns:
        The session, perhaps renewed. ``None``, and then it is ``touch_in_turn`` that can
        tell: its row is locked; the caller can see none that is live; it cannot be
        renewed by hand; or the database cannot tell what is locked.

    Raises:
        Nothing: what is wrong, ``touch_in_turn`` says.
    """
    if not connection.features.has_select_for_update_skip_locked:
        return None
    current_origin().session_id = str(session_id)
    return store_activity(
        session_id,
        clock.now(),
        by_hand=by_hand,
        owner=principal.sees_only,
        agent_ids=principal.agent_ids,
        if_free=True,
    )


def touch_in_turn(*, principal: Principal, session_id: UUID, by_hand: bool) -> Session:
    """Note a sign of life, once the session's row can be locked; call it in a transaction.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
        SessionRenewalError: It is to be renewed by hand, and already lasts until its
            maximum duration.
    """
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
    return cast("Session", store_activity(session_id, now, by_hand=by_hand))
