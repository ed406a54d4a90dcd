"""Adding to what is said in a session, and telling of it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from django_eliza_sessions.models import Event, Message, Reply, Session
from django_eliza_sessions.models.activity import store_activity
from django_eliza_sessions.services.outbox import relay_after_commit
from django_eliza_sessions.services.transitions import announce_renewal


def new_message(session_id: UUID, **fields: Any) -> Message:
    """Return a message to be stored, which is when it gets its time."""
    return Message(session_id=session_id, created_at=F("last_message_at"), **fields)


def store_rows(
    session_id: UUID,
    now: datetime,
    rows: Sequence[Message | Event | Reply],
    *,
    is_sign_of_life: bool,
    if_free: bool = False,
    owner: str | None = None,
    agent_ids: Collection[UUID] | None = None,
) -> Session | None:
    """Store what is new in a session, events among it, and have them relayed.

    Takes what ``store_activity`` takes, and returns what it returns; the rows know their
    session then.
    """
    session = store_activity(
        session_id,
        now,
        rows=rows,
        is_sign_of_life=is_sign_of_life,
        if_free=if_free,
        owner=owner,
        agent_ids=agent_ids,
    )
    if session is None:
        return None
    for row in rows:
        row.session = session
    relay_after_commit()
    if is_sign_of_life and session.was_just_renewed:
        announce_renewal(session)
    return session
