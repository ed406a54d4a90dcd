"""Reading messages back (contract, "Messages")."""

from dataclasses import dataclass
from datetime import datetime

from django_eliza_sessions.models import Message, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """A part of a session's history, newest first."""

    messages: list[Message]
    has_more: bool


def list_messages(
    *,
    session: Session,
    limit: int,
    before: datetime | None = None,
    after: datetime | None = None,
) -> MessagePage:
    """Return a page of history.

    With ``after`` alone it is the oldest messages after that time, so that paging
    forward skips nothing; otherwise the newest of the range.

    Args:
        limit: How many messages at most.
        before: Only messages strictly earlier.
        after: Only messages strictly later.
    """
    messages = session.messages.between(after, before)
    forward = after is not None and before is None
    found = list(messages.order_by("created_at" if forward else "-created_at")[: limit + 1])
    page = found[:limit]
    return MessagePage(
        messages=page[::-1] if forward else page, has_more=len(found) > limit
    )
