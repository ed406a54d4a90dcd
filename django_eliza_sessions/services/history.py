"""Reading messages back (contract, "Messages")."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from django_eliza_sessions.models import Message
from django_eliza_sessions.models.reading import read_messages
from django_eliza_sessions.origin import current_origin
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.lookup import open_transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """A part of a session's history, newest first."""

    messages: list[Message]
    has_more: bool


def list_messages(
    *,
    principal: Principal,
    session_id: UUID,
    limit: int,
    before: datetime | None = None,
    after: datetime | None = None,
) -> MessagePage:
    """Return a page of a live session's history.

    With ``after`` alone it is the oldest messages after that time, so that paging
    forward skips nothing; otherwise the newest of the range.

    Args:
        principal: The caller. An administrator who reads somebody else's is recorded.
        session_id: Which session.
        limit: How many messages at most.
        before: Only messages strictly earlier.
        after: Only messages strictly later.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
    """
    current_origin().session_id = str(session_id)
    read = partial(read_messages, session_id, limit + 1, before=before, after=after)
    # At once what is the caller's own; a key for some agents has to look at the session.
    is_free = principal.agent_ids is None
    found = read(live_at=clock.now(), owner=principal.id) if is_free else []
    if not found:
        # Somebody else's, over, or without messages: that is said, or recorded, first.
        open_transcript(principal=principal, session_id=session_id)
        found = read()
    page = found[:limit]
    forward = after is not None and before is None
    return MessagePage(
        messages=page[::-1] if forward else page, has_more=len(found) > limit
    )
