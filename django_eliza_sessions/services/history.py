"""Reading messages back (contract, "Messages")."""

from dataclasses import dataclass
from datetime import datetime

from django_eliza_sessions.models import Message, Session
from django_eliza_sessions.models.rows import fetch_rows


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
    bounds = [
        (f"AND t0.created_at {comparison} %s", ("created_at", moment))
        for comparison, moment in (("<", before), (">", after))
        if moment is not None
    ]
    forward = after is not None and before is None
    order = f"ORDER BY t0.created_at {'' if forward else 'DESC'} LIMIT {limit + 1:d}"
    found = fetch_rows(
        Message,
        session=session.pk,
        also=" ".join([*(condition for condition, _ in bounds), order]),
        values=[value for _, value in bounds],
    )
    page = found[:limit]
    return MessagePage(
        messages=page[::-1] if forward else page, has_more=len(found) > limit
    )
