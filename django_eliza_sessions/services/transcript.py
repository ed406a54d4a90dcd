"""Adding to what is said in a session, and telling of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from django_eliza_sessions.models import Event, Message, Reply, Session
from django_eliza_sessions.models.activity import update_session
from django_eliza_sessions.models.together import Change
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services.outbox import relay_after_commit
from django_eliza_sessions.services.transitions import announce_renewal


def new_message(session_id: UUID, **fields: Any) -> Message:
    """Return a message to be stored, which is when it gets its time."""
    return Message(session_id=session_id, created_at=F("last_message_at"), **fields)


def new_event(
    session_id: UUID,
    kind: Event.Kind,
    now: datetime,
    *,
    message_id: UUID | None = None,
    reply_id: UUID | None = None,
) -> Event:
    """Return an event for ``add_to_session``, which numbers it; due to be relayed."""
    return Event(
        session_id=session_id,
        kind=kind,
        message_id=message_id,
        reply_id=reply_id,
        created_at=now,
        relay_at=now,
    )


def add_to_session(
    session_id: UUID,
    now: datetime,
    rows: Sequence[Message | Event | Reply],
    *,
    is_sign_of_life: bool,
    caller: Principal | None = None,
    ending: Change | None = None,
    limits: Mapping[str, int] | None = None,
) -> Session | None:
    """Store what is new in a session, events among it, and have them relayed.

    Args:
        session_id: Which session.
        now: The present.
        rows: What is new; each gets the session, so that nobody has to read it again.
        is_sign_of_life: As ``update_session`` takes it.
        caller, ending, limits: The same.

    Returns:
        The session as stored; ``None`` where nothing was done.
    """
    events = [row for row in rows if isinstance(row, Event)]
    for followers, event in enumerate(reversed(events)):
        event.sequence = F("last_sequence") - followers
    session = update_session(
        session_id,
        now,
        rows=rows,
        is_sign_of_life=is_sign_of_life,
        caller=caller,
        ending=ending,
        limits=limits,
    )
    if session is None:
        return None
    for row in rows:
        row.session = session
    relay_after_commit()
    if is_sign_of_life and session.was_just_renewed:
        announce_renewal(session)
    return session
