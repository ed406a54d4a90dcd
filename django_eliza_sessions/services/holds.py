"""Legal holds: sessions that must be kept, whatever retention and erasure would do."""

from uuid import UUID

from django.db import transaction

from django_eliza_sessions.content import check_text
from django_eliza_sessions.exceptions import InvalidRequestError
from django_eliza_sessions.models import Session
from django_eliza_sessions.models.rows import fetch_row, update_row
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services.audit import Action, record
from django_eliza_sessions.services.export import check_operator
from django_eliza_sessions.services.lookup import session_not_found

MAX_REASON_CHARACTERS = 1000


def hold_session(*, principal: Principal, session_id: UUID, reason: str) -> None:
    """Keep a session from retention and erasure, also one that is over.

    Args:
        reason: Why, in 1 to 1000 characters; replaces the one before.

    Raises:
        PermissionDeniedError: The caller is no administrator over all agents.
        InvalidRequestError: The reason is blank, too long, or cannot be stored.
        SessionNotFoundError: There is none.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON_CHARACTERS:
        raise InvalidRequestError(
            "reason", f"must have 1 to {MAX_REASON_CHARACTERS} characters"
        )
    check_text(reason, "reason", InvalidRequestError)
    _set(principal, session_id, is_held=True, reason=reason)


def lift_hold(*, principal: Principal, session_id: UUID) -> None:
    """Leave a session to retention and erasure again; harmless when repeated.

    Raises:
        PermissionDeniedError: The caller is no administrator over all agents.
        SessionNotFoundError: There is none.
    """
    _set(principal, session_id, is_held=False, reason="")


@transaction.atomic
def _set(principal: Principal, session_id: UUID, *, is_held: bool, reason: str) -> None:
    check_operator(principal=principal)
    session = fetch_row(Session, lock=True, id=session_id)
    if session is None:
        raise session_not_found(session_id)
    session.legal_hold, session.hold_reason = is_held, reason
    update_row(session, "legal_hold", "hold_reason")
    action = Action.SESSION_HELD if is_held else Action.HOLD_LIFTED
    record(action, session_id=session_id, actor=principal.id)
