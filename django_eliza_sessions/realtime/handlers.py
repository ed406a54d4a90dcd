"""What clients may do (contract, "Realtime").

There is the documented ``join`` and ``leave``, and what the released server takes: ``1``,
``2`` and ``message``. Each handler answers with an event, and with the same object where
the client asks for an acknowledgement. Whatever goes wrong is a ``messageError``.
"""

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import socketio

from django_eliza_sessions.exceptions import (
    InternalServerError,
    InvalidRequestError,
    SessionsError,
    quote,
)
from django_eliza_sessions.origin import coming_from
from django_eliza_sessions.realtime import announcing, payloads
from django_eliza_sessions.realtime.access import address_of, identify
from django_eliza_sessions.realtime.callers import Caller, Callers
from django_eliza_sessions.realtime.packets import MALFORMED
from django_eliza_sessions.realtime.requests import (
    JOIN,
    Payload,
    check_sender,
    read_after,
    read_message,
    read_payload,
    read_room,
    read_type,
)
from django_eliza_sessions.realtime.rooms import Rooms
from django_eliza_sessions.realtime.threads import in_thread
from django_eliza_sessions.services.limits import count_message
from django_eliza_sessions.services.lookup import get_session, open_transcript
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.storing import SentMessage, Transport

logger = logging.getLogger(__name__)
Answer = dict[str, Any]

#: What clients may send.
EVENTS = ("join", "leave", "1", "2", "message")
HANDLED = (*EVENTS, "connect", "disconnect", MALFORMED)


def answering(
    handle: Callable[["Sockets", str, Payload], Awaitable[Answer]],
) -> Callable[..., Awaitable[Answer]]:
    """Make a handler take whatever comes, and answer whatever goes wrong."""

    @wraps(handle)
    async def safe(sockets: "Sockets", sid: str, *arguments: Any) -> Answer:
        with sockets.callers.speaking(sid):
            try:
                return await handle(sockets, sid, read_payload(arguments))
            except Exception as error:  # noqa: BLE001 - what is unexpected is logged
                answer = payloads.message_error(_known(error, handle.__name__))
            await sockets.answer(sid, "messageError", answer)
            return answer

    return safe


def _known(error: Exception, doing: str) -> SessionsError:
    """Return an error as clients may see it; the operator sees the others."""
    if isinstance(error, SessionsError) and error.status < 500:
        return error
    logger.error("A socket's %s failed", doing, exc_info=error)
    if isinstance(error, SessionsError):
        return error
    return InternalServerError("The cause is in the server's log.")


class Sockets(socketio.AsyncNamespace):  # type: ignore[misc] # it has no types
    """The handlers, each named after its event."""

    def __init__(self, server: socketio.AsyncServer) -> None:
        super().__init__("/")
        self._rooms = Rooms(server)
        self.callers = Callers(server)

    async def trigger_event(self, event: str, *arguments: Any) -> Any:
        """Call an event's handler; python-socketio would ignore events without one."""
        if event in HANDLED:
            return await super().trigger_event(event, *arguments)
        problem = f"event must be one of {', '.join(EVENTS)}, got {quote(event)}"
        return await self.on_malformed(arguments[0], problem)

    async def answer(self, sid: str, name: str, payload: Answer) -> None:
        """Send an event to one socket of this process."""
        await self.emit(name, payload, to=sid, ignore_queue=True)

    async def on_connect(self, sid: str, environ: dict[str, Any], auth: object) -> None:
        """Let in who may call; the others get a ``connect_error``."""
        request_id = environ.get("HTTP_X_REQUEST_ID")
        with coming_from("socket", request_id=request_id, actor="") as origin:
            try:
                principal, entity_id = await in_thread(identify, environ, auth)
            except Exception as error:
                told = payloads.message_error(_known(error, "connect"))
                raise socketio.exceptions.ConnectionRefusedError(
                    told["error"], {"code": told["code"]}
                ) from error
        caller = Caller(principal, address_of(environ), origin.request_id)
        self.callers.admit(sid, caller)
        self._rooms.open(sid)
        announcing.announce_to(self.server)
        # The connection stands once this handler is done; nothing may come before.
        self.server.start_background_task(self._greet, sid, entity_id)

    async def _greet(self, sid: str, entity_id: str | None) -> None:
        if entity_id is not None:
            await self.answer(sid, *payloads.authenticated(entity_id))
        await self.answer(sid, *payloads.connection_established(sid))

    async def on_disconnect(self, sid: str, _reason: str) -> None:
        """Forget a socket."""
        self._rooms.close(sid)
        self.callers.forget(sid)

    @answering
    async def on_join(self, sid: str, payload: Payload) -> Answer:
        """Join a session's room, hearing first what was missed."""
        session_id, after = read_room(payload), read_after(payload)
        session = await in_thread(
            open_transcript, principal=self.callers[sid].principal, session_id=session_id
        )
        newest = session.last_sequence
        self._rooms.check_space(sid, session_id)
        await self._rooms.enter(sid, session_id)
        joined = payloads.joined_room(session, newest)
        await self.answer(sid, "channel_joined", joined)
        await self.answer(sid, "room_joined", joined)
        self._rooms.follow(sid, session_id, newest if after is None else min(after, newest))
        return joined

    @answering
    async def on_leave(self, sid: str, payload: Payload) -> Answer:
        """Leave a room; also one that was never joined."""
        session_id = read_room(payload)
        await self._rooms.leave(sid, session_id)
        return payloads.left_room(str(session_id))

    on_1 = on_join

    @answering
    async def on_2(self, sid: str, payload: Payload) -> Answer:
        """Send a message, as over HTTP."""
        sent = await in_thread(_send, self.callers[sid], payload)
        ack = payloads.message_ack(sent, payload.get("messageId"))
        await self.answer(sid, "messageAck", ack)
        return ack

    @answering
    async def on_message(self, sid: str, payload: Payload) -> Answer:
        """Do what the released clients ask for under one name."""
        handle = self.on_1 if read_type(payload) == JOIN else self.on_2
        return await handle(sid, payload.get("payload"))

    async def on_malformed(self, sid: str, problem: str) -> Answer:
        """Answer a packet that could not be understood (``packets.MALFORMED``)."""
        error = {"error": problem, "code": InvalidRequestError.code}
        await self.answer(sid, "messageError", error)
        return error


def _send(caller: Caller, payload: Payload) -> SentMessage:
    """Send what the released clients send (contract, "Realtime").

    Raises:
        SessionsError: What ``send_message`` raises, and for fields that only sockets have.
    """
    principal, session_id = caller.principal, read_room(payload)
    count_message(principal=principal, address=caller.address, session_id=session_id)
    session = get_session(principal=principal, session_id=session_id)
    check_sender(payload, session.user_id)
    return send_message(
        principal=principal,
        session_id=session_id,
        transport=Transport.WEBSOCKET,
        **read_message(payload, session_id),
    )
