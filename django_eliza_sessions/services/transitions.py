"""What can change about a session.

Each function changes a locked row, unsaved; the caller saves the fields named here, in
the same transaction as the events they return.
"""

from datetime import datetime

from django_eliza_sessions import signals
from django_eliza_sessions.models import Event, Session
from django_eliza_sessions.services.announce import announce
from django_eliza_sessions.timeouts import TimeoutConfig

CONFIG_FIELDS = tuple(TimeoutConfig.__dataclass_fields__)
DEADLINE_FIELDS = ("expires_at", "warns_at", "sweep_at")
CLOSING_FIELDS = ("expires_at", "sweep_at", "closed_at", "close_reason", "last_sequence")


def configure(session: Session, config: TimeoutConfig) -> None:
    """Set the configuration and the deadlines that follow from it."""
    for field in CONFIG_FIELDS:
        setattr(session, field, getattr(config, field))
    session.expires_at = config.expires_at(
        created_at=session.created_at, anchor=session.renewed_at
    )
    session.warns_at = config.warns_at(session.expires_at)
    # Only an earlier moment is written: a sweep that comes too soon reads the row and
    # moves on, and renewals leave the index on sweep_at untouched.
    due_at = next_due_at(session)
    if session.sweep_at is None or due_at < session.sweep_at:
        session.sweep_at = due_at


def next_due_at(session: Session) -> datetime:
    """Return when a sweep has to look at a live session next."""
    if session.warned_for == session.expires_at:
        return session.expires_at
    return min(session.warns_at, session.expires_at)


def announce_renewal(session: Session) -> None:
    """Tell whoever listens, once it is certain."""
    announce(signals.session_renewed, session, session=session)


def expire(session: Session, now: datetime) -> Event:
    """Close the session because its deadline has passed."""
    session.sweep_at = None
    session.closed_at = session.expires_at
    session.close_reason = Session.CloseReason.EXPIRED
    return next_event(session, Event.Kind.EXPIRED, now, deadline=session.expires_at)


def end(session: Session, now: datetime) -> list[Event]:
    """Close the session on purpose, after its expiry where that came first."""
    events = []
    if session.closed_at is None and session.is_expired(now):
        events.append(expire(session, now))
    session.sweep_at = None
    session.closed_at = now
    session.close_reason = Session.CloseReason.ENDED
    events.append(next_event(session, Event.Kind.ENDED, now))
    return events


def next_event(
    session: Session,
    kind: Event.Kind,
    now: datetime,
    *,
    deadline: datetime | None = None,
) -> Event:
    """Return a locked or new session's next event, numbered and unsaved; to be relayed."""
    session.last_sequence += 1
    return Event(
        session=session,
        sequence=session.last_sequence,
        kind=kind,
        deadline=deadline,
        created_at=now,
        relay_at=now,
    )
