"""Adding to a session's transcript."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django_eliza_sessions.models import Event, Message, Session
from django_eliza_sessions.models.rows import insert_rows
from django_eliza_sessions.services.transitions import next_event

MESSAGE_FIELDS = ("message_count", "last_message_at", "last_sequence")


def append_message(
    session: Session, now: datetime, *, author_id: uuid.UUID, is_agent: bool, **fields: Any
) -> tuple[Message, Event]:
    """Store a message of a locked session; return it with its event, yet to be recorded.

    The caller saves the session's ``MESSAGE_FIELDS``. Within a session times are at
    least a millisecond apart, so that a time is an exact place in the history.
    """
    created_at = now
    if session.last_message_at is not None:
        created_at = max(now, session.last_message_at + timedelta(milliseconds=1))
    session.last_message_at = created_at
    session.message_count += 1
    message = Message(
        session=session,
        author_id=author_id,
        is_agent=is_agent,
        created_at=created_at,
        **fields,
    )
    insert_rows([message])
    return message, next_event(session, Event.Kind.MESSAGE, now, message_id=message.pk)
