"""Replies as server-sent events (the HTML standard, "Server-sent events").

Events are numbered: 0 is the user's message, then come the chunks, and the end. The
number is the event's id, so ``Last-Event-ID`` says exactly where a client stopped.
"""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import StreamingHttpResponse
from rest_framework.request import Request

from django_eliza_sessions.api import presenters
from django_eliza_sessions.api.query import single_values
from django_eliza_sessions.exceptions import InvalidRequestError, quote
from django_eliza_sessions.services.watching import (
    Chunk,
    Finished,
    Progress,
    watch_reply,
    watch_reply_async,
)
from django_eliza_sessions.wire import history_message, user_message, write_json

if TYPE_CHECKING:
    from django_eliza_sessions.models import Reply

#: A comment, which clients ignore; it keeps the connection from idling out.
KEEP_ALIVE = ": keep-alive\n\n"


def last_event_id(request: Request, reply: "Reply") -> int:
    """Return the number of the last event a client has; -1 when it has none.

    It stands in the header, or in the query as ``lastEventId`` for clients that cannot
    set headers.

    Raises:
        InvalidRequestError: The reply has no such event yet, or it is given twice.
    """
    query = single_values(request.query_params)
    text = request.META.get("HTTP_LAST_EVENT_ID") or query.get("lastEventId")
    if not text:
        return -1
    if (
        text.isascii()
        and text.isdigit()
        and len(text) <= 9
        and (reply.is_finished or int(text) <= reply.chunk_count)
    ):
        return int(text)
    raise InvalidRequestError(
        "last_event_id", f"must be the id of an event of this reply, got {quote(text)}"
    )


def is_over(reply: "Reply", after: int) -> bool:
    """Tell whether a client has the last event of a finished reply."""
    return reply.is_finished and after >= _end_of(reply)


def _end_of(reply: "Reply") -> int:
    # A reply without chunks is told in one, once it is complete.
    told_at_once = reply.status == reply.Status.COMPLETE and not reply.chunk_count
    return reply.chunk_count + 1 + told_at_once


def wants_stream(request: Request) -> bool:
    """Tell whether ``Accept`` prefers server-sent events."""
    known = ["application/json", "text/event-stream"]
    preferred = request._request.get_preferred_type(known)  # noqa: SLF001 - DRF has none
    return preferred == "text/event-stream"


def stream_reply(
    request: Request, reply: "Reply", after: int = -1
) -> StreamingHttpResponse:
    """Return a response that tells a reply from an event on, and then as it comes."""
    start = [_event(0, "user_message", user_message(reply.message))]
    # What follows is read by the lookout: this connection must not wait beside it.
    close_old_connections()
    # A stream begins at once: WSGI servers send the headers with the first piece.
    events = _Events(start if after < 0 else [KEEP_ALIVE], max(after, 0))
    return StreamingHttpResponse(
        events.follow_async(reply)
        if isinstance(request._request, ASGIRequest)  # noqa: SLF001 - DRF hides its kind
        else events.follow(reply),
        content_type="text/event-stream",
        # nginx would buffer the stream otherwise.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


class _Events:
    """The events of one stream, for threads or for an event loop."""

    def __init__(self, start: list[str], after: int) -> None:
        self.start = start
        self.after = after

    def follow(self, reply: "Reply") -> Iterator[str]:
        yield from self.start
        for progress in watch_reply(reply_id=reply.pk, seen=self.after):
            yield from self._tell(progress)

    async def follow_async(self, reply: "Reply") -> AsyncIterator[str]:
        for event in self.start:
            yield event
        async for progress in watch_reply_async(reply_id=reply.pk, seen=self.after):
            for event in self._tell(progress):
                yield event

    def _tell(self, progress: Progress | None) -> Iterator[str]:
        match progress:
            case None:
                yield KEEP_ALIVE
            case Chunk(reply=reply, index=index, text=text):
                yield _chunk(reply, index, text)
            case Finished(reply=reply, answer=answer):
                if reply.status != reply.Status.COMPLETE or answer is None:
                    error = presenters.reply_error(reply)
                    body = {"messageId": reply.answer_id, **error}
                    if answer is not None:
                        body["partialText"] = answer.content
                    yield _event(_end_of(reply), "error", body)
                    return
                if not reply.chunk_count and not self.after:
                    yield _chunk(reply, 0, answer.content)
                yield _event(_end_of(reply), "done", history_message(answer))


def _chunk(reply: "Reply", index: int, text: str) -> str:
    body = {"messageId": reply.answer_id, "chunk": text, "index": index}
    return _event(index + 1, "chunk", body)


def _event(number: int, name: str, body: dict[str, Any]) -> str:
    return f"id: {number}\nevent: {name}\ndata: {write_json(body).decode()}\n\n"
