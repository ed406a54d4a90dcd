"""Finding a session on a caller's behalf, and locking it."""

from datetime import datetime
from uuid import UUID

from django_eliza_sessions.exceptions import SessionExpiredError, SessionNotFoundError
from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.timeouts import timestamp


def get_session(*, principal: Principal, session_id: UUID) -> Session:
    """Return a live session. Reading never renews it.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
    """
    sessions = Session.objects.for_principal(principal).not_ended()
    session = sessions.filter(pk=session_id).first()
    return _live(session, session_id, clock.now())


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
    session = (
        Session.objects.for_principal(principal)
        .not_ended()
        .filter(pk=session_id)
        .select_related("agent")
        .select_for_update(of=("self",), no_key=True)
        .first()
    )
    if session is None:
        raise session_not_found(session_id)
    return session, clock.now()


def session_not_found(session_id: object) -> SessionNotFoundError:
    """Return the error for a session that the caller cannot see."""
    shown = str(session_id)[:80]
    return SessionNotFoundError(f"There is no session {shown}.", session_id=shown)


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
