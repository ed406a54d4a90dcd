"""Adding to a session's transcript."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django_eliza_sessions import signals
from django_eliza_sessions.models import Message, Session
from django_eliza_sessions.services.announce import announce

MESSAGE_FIELDS = ("message_count", "last_message_at")


def append_message(
    session: Session, now: datetime, *, author_id: uuid.UUID, is_agent: bool, **fields: Any
) -> Message:
    """Store a message of a locked session.

    The caller saves the session's ``MESSAGE_FIELDS``. Within a session times are at
    least a millisecond apart, so that a time is an exact place in the history.
    """
    if session.last_message_at is not None:
        now = max(now, session.last_message_at + timedelta(milliseconds=1))
    session.last_message_at = now
    session.message_count += 1
    message = Message(
        session=session, author_id=author_id, is_agent=is_agent, created_at=now, **fields
    )
    message.save(force_insert=True)
    announce(signals.message_created, message, message=message)
    return message
