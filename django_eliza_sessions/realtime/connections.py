"""What the protocols of Engine.IO and Socket.IO ask of a server, beyond python-socketio.

A connection is Engine.IO's, and a socket what a client gets on it by asking Socket.IO.
"""

import asyncio
from typing import Any
from urllib.parse import parse_qs

import engineio
import socketio
from socketio.packet import CONNECT_ERROR

from django_eliza_sessions.realtime.framing import (
    Message,
    Receive,
    holds_packets,
    read_body,
    while_readable,
    with_body,
)

#: Seconds in which a connection has to become a socket.
CONNECT_TIMEOUT = 45.0
NOOP = engineio.packet.Packet(engineio.packet.NOOP)


class Server(socketio.AsyncServer):  # type: ignore[misc] # python-socketio has no types
    """A server that refuses, and ends connections, as the protocols have it."""

    async def handle_request(self, scope: Message, receive: Receive, send: Any) -> None:
        """Serve a request; one that cannot be read ends its connection."""
        most = self.eio.max_http_buffer_size
        if scope["type"] == "websocket":
            receive = while_readable(receive, most)
        elif scope["method"] == "POST":
            body = await read_body(receive, most)
            if body is None or not holds_packets(body):
                query = parse_qs(scope["query_string"])
                await self._close(b"".join(query.get(b"sid", [])).decode("latin-1"))
                await _refuse(send, 413 if body is None else 400)
                return
            scope, receive = with_body(scope, body, receive)
        await super().handle_request(scope, receive, send)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self.start_background_task(self._expect_socket, eio_sid)

    async def _expect_socket(self, eio_sid: str) -> None:
        await self.sleep(CONNECT_TIMEOUT)
        if self.manager.sid_from_eio_sid(eio_sid, "/") is None:
            await self._close(eio_sid)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, auth: Any) -> None:
        if namespace in (None, "/"):
            await super()._handle_connect(eio_sid, namespace, auth)
            return
        refusal = self.packet_class(
            CONNECT_ERROR, {"message": "Invalid namespace"}, namespace
        )
        await self._send_packet(eio_sid, refusal)

    async def _handle_event(self, eio_sid: str, namespace: str | None, *event: Any) -> None:
        if self.manager.sid_from_eio_sid(eio_sid, namespace or "/") is None:
            await self._close(eio_sid)
        else:
            await super()._handle_event(eio_sid, namespace, *event)

    async def _close(self, eio_sid: str) -> None:
        connection = self.eio.sockets.get(eio_sid)
        if connection is not None:
            await connection.close(wait=False)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        connection = self.eio.sockets.get(eio_sid)
        if connection is not None:
            # Soon, since a packet that tells the client may be yet to come.
            asyncio.get_running_loop().call_soon(_wake, connection)


async def _refuse(send: Any, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body"})


def _wake(connection: Any) -> None:
    """End the poll, or the websocket, that waits for what a closed connection says."""
    if connection.upgraded:
        connection.queue.put_nowait(None)
    elif connection.queue.empty():
        connection.queue.put_nowait(NOOP)
