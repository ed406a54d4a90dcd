"""Keeps large bodies out under ASGI, where Django receives a body whole before any view."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from django_eliza_sessions.api.errors import error_body
from django_eliza_sessions.api.urls import BASE
from django_eliza_sessions.api.views.base import HEADERS
from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import PayloadTooLargeError
from django_eliza_sessions.wire import write_json

ASGIApplication = Callable[[Any, Any, Any], Awaitable[None]]


def with_body_limit(application: ASGIApplication) -> ASGIApplication:
    """Return an ASGI application that refuses bodies above ``MAX_BODY_BYTES`` at once.

    One that says its length is not received at all; of a chunked one no more than may be.

    Args:
        application: The project's, as from ``get_asgi_application()``. Only paths of ours
            are limited in it; Socket.IO limits itself.
    """

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or f"/{BASE}" not in scope["path"]:
            await application(scope, receive, send)
            return
        request = _Request(receive, send, conf.max_body_bytes)
        if _length(scope["headers"]) > request.limit:
            await request.refuse()
            return
        await application(scope, request.receive, request.send)
        if request.left < 0:
            await request.refuse()

    return serve


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    length = dict(headers).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


class _Request:
    """A request whose body is counted while the application receives it."""

    def __init__(self, receive: Any, send: Any, limit: int) -> None:
        self._receive = receive
        self._send = send
        self.limit = limit
        #: Bytes that may still come.
        self.left = limit

    async def receive(self) -> Any:
        """Return the next part, or tell that the client is gone where it is too much."""
        message = await self._receive()
        self.left -= len(message.get("body", b""))
        return message if self.left >= 0 else {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Answer, unless the application answers what it did not receive whole."""
        if self.left >= 0:
            await self._send(message)

    async def refuse(self) -> None:
        """Answer with a 413, and have the server close the connection."""
        error = PayloadTooLargeError(
            f"The body may have at most {self.limit} bytes.", maximum=self.limit
        )
        body = write_json(error_body(error))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *((name.lower().encode(), value.encode()) for name, value in HEADERS.items()),
        ]
        start = {"type": "http.response.start", "status": error.status, "headers": headers}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
