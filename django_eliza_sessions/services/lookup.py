"""Finding a session on a caller's behalf, and locking it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django_eliza_sessions.exceptions import SessionExpiredError, SessionNotFoundError
from django_eliza_sessions.models import Session
from django_eliza_sessions.models.rows import fetch_row
from django_eliza_sessions.origin import current_origin
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import record_reading
from django_eliza_sessions.wire import timestamp


def get_session(*, principal: Principal, session_id: UUID) -> Session:
    """Return a live session. Reading never renews it.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
    """
    return _live(_fetch(principal, session_id), session_id, clock.now())


def open_transcript(*, principal: Principal, session_id: UUID) -> Session:
    """Return a live session to somebody who reads what is said in it.

    An administrator who reads somebody else's is recorded.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
    """
    session = get_session(principal=principal, session_id=session_id)
    record_reading(principal, session)
    return session


def lock_session(*, principal: Principal, session_id: UUID) -> tuple[Session, datetime]:
    """Lock a live session until the transaction ends, then read the clock.

    Returns:
        The session with its agent, and the present.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
    """
    session, now = lock_session_even_expired(principal=principal, session_id=session_id)
    return _live(session, session_id, now), now


def lock_session_even_expired(
    *, principal: Principal, session_id: UUID
) -> tuple[Session, datetime]:
    """Lock a session that was not ended, as ``lock_session`` does.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
    """
    session = _fetch(principal, session_id, "agent", lock=True)
    if session is None:
        raise session_not_found(session_id)
    return session, clock.now()


def find_user_id(*, principal: Principal, session_id: UUID) -> UUID | None:
    """Return whom a session is for, live or not; ``None`` if the caller cannot see it.

    Raises:
        Nothing: what is wrong with the session, the operation itself will say.
    """
    sessions = Session.objects.visible_to(principal).filter(pk=session_id)
    return sessions.values_list("user_id", flat=True).first()


def session_not_found(session_id: object) -> SessionNotFoundError:
    """Return the error for a session that the caller cannot see."""
    shown = str(session_id)[:80]
    return SessionNotFoundError(f"There is no session {shown}.", session_id=shown)


def _fetch(
    principal: Principal, session_id: UUID, *related: str, lock: bool = False
) -> Session | None:
    current_origin().session_id = str(session_id)
    owned: dict[str, Any] = {} if principal.is_admin else {"owner": principal.id}
    session = fetch_row(Session, *related, lock=lock, id=session_id, **owned)
    if session is None or session.close_reason == Session.CloseReason.ENDED:
        return None
    return session if principal.may_use_agent(session.agent_id) else None


def _live(session: Session | None, session_id: UUID, now: datetime) -> Session:
    if session is None:
        raise session_not_found(session_id)
    if session.is_expired(now):
        raise SessionExpiredError(
            f"Session {session_id} expired at {timestamp(session.expires_at)}.",
            session_id=str(session_id),
            expires_at=session.expires_at,
        )
    return session
