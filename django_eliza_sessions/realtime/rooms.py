"""The sessions that sockets have joined, and what each of them has yet to be told.

What must be heard of comes from the event table (``services.following``), to each socket
from where it stopped. Socket.IO's own rooms carry what may be missed.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from uuid import UUID

import socketio

from django_eliza_sessions.exceptions import InvalidRequestError, SessionsError
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.realtime import payloads
from django_eliza_sessions.realtime.threads import in_thread
from django_eliza_sessions.services.following import Follower, follow_session, unfollow
from django_eliza_sessions.services.lookup import get_session
from django_eliza_sessions.services.outbox import Occurrence
from django_eliza_sessions.wire import timestamp

logger = logging.getLogger(__name__)

#: Rooms one socket may be in at once.
MAX_ROOMS = 100
#: Packets a socket may leave unread before it is told more.
MAX_UNREAD = 1000
#: Seconds it has to read some. Then its connection is closed; its client reconnects, and
#: goes on from the last event it has.
PATIENCE = 20.0
#: Seconds between two looks at what it has read.
PAUSE = 0.05
#: After these a session is over.
LAST_WORDS = ("sessionExpired", "sessionEnded")


@dataclass(slots=True, eq=False)
class _Seat:
    """One socket's place in one room."""

    sid: str
    session_id: UUID
    #: What is to be told; ``None`` when the session was deleted.
    news: asyncio.Queue[payloads.Told | None] = field(default_factory=asyncio.Queue)
    follower: Follower | None = None
    teller: asyncio.Task[None] | None = None


class Rooms:
    """Who sits where; used on the event loop only."""

    def __init__(self, server: socketio.AsyncServer) -> None:
        self._server = server
        self._seats: dict[str, dict[UUID, _Seat]] = {}

    def open(self, sid: str) -> None:
        """Expect a socket."""
        self._seats[sid] = {}

    def check_space(self, sid: str, session_id: UUID) -> None:
        """Refuse a socket that is in too many rooms.

        Raises:
            InvalidRequestError: It is in ``MAX_ROOMS`` others.
        """
        seats = self._seats.get(sid, {})
        if session_id not in seats and len(seats) >= MAX_ROOMS:
            raise InvalidRequestError(
                "room_id", f"would be one too many: a socket may join {MAX_ROOMS} rooms"
            )

    async def enter(self, sid: str, session_id: UUID) -> None:
        """Let a socket hear what may be missed; a place it had before is given up."""
        await self.leave(sid, session_id)
        if sid in self._seats:  # It may have gone meanwhile.
            self._seats[sid][session_id] = _Seat(sid, session_id)
            await self._server.enter_room(sid, str(session_id))

    def follow(self, sid: str, session_id: UUID, after: int) -> None:
        """Let a socket that entered hear what must be heard, after an event."""
        seat = self._seats.get(sid, {}).get(session_id)
        if seat is None:
            return
        loop = asyncio.get_running_loop()

        def deliver(heard: Occurrence | None) -> None:
            told = None if heard is None else payloads.tell(heard)
            if told is not None or heard is None:
                loop.call_soon_threadsafe(seat.news.put_nowait, told)

        seat.teller = asyncio.create_task(self._tell(seat))
        seat.follower = follow_session(session_id=session_id, after=after, deliver=deliver)

    async def leave(self, sid: str, session_id: UUID) -> None:
        """Let a socket hear nothing more of a session; harmless when repeated."""
        seat = self._seats.get(sid, {}).pop(session_id, None)
        if seat is not None:
            _give_up(seat)
            await self._server.leave_room(sid, str(session_id))

    def close(self, sid: str) -> None:
        """Forget a socket that is gone."""
        for seat in self._seats.pop(sid, {}).values():
            _give_up(seat)

    async def _tell(self, seat: _Seat) -> None:
        """Tell a socket what its seat hears, in order, as long as it listens."""
        while (told := await seat.news.get()) is not None:
            if not await self._lets_go_on(seat.sid):
                return
            if told[0] == payloads.WARNING:
                await self._warn(seat, told)
            else:
                await self._say(seat, told)
            if told[0] in LAST_WORDS:
                break
        # This very task is the seat's, so it must not be cancelled on the way out.
        seat.teller = None
        await self.leave(seat.sid, seat.session_id)

    async def _say(self, seat: _Seat, told: payloads.Told) -> None:
        name, payload = told
        await self._server.emit(name, payload, to=seat.sid, ignore_queue=True)

    async def _warn(self, seat: _Seat, told: payloads.Told) -> None:
        """Warn of a deadline, unless it has moved since.

        Renewals are told past the seat. One that comes in this very moment, perhaps before
        the warning that it makes void, is told again after it.
        """
        expires_at = told[1]["expiresAt"]
        if await in_thread(_renewal, seat.session_id, expires_at) is None:
            await self._say(seat, told)
            if renewal := await in_thread(_renewal, seat.session_id, expires_at):
                await self._say(seat, renewal)

    async def _lets_go_on(self, sid: str) -> bool:
        """Wait until a socket has read enough; close the connection of one that does not.

        Returns:
            Whether it is still there.
        """
        eio_sid = self._server.manager.eio_sid_from_sid(sid, "/")
        deadline = time.monotonic() + PATIENCE
        while (connection := self._server.eio.sockets.get(eio_sid)) is not None:
            if connection.queue.qsize() <= MAX_UNREAD:
                return True
            if time.monotonic() >= deadline:
                logger.warning("Socket %s does not read and was disconnected", sid)
                # In a task of its own: the socket then leaves, which ends this one.
                self._server.start_background_task(connection.close, wait=False)
                return False
            await asyncio.sleep(PAUSE)
        return False


def _renewal(session_id: UUID, expires_at: str) -> payloads.Told | None:
    """Return how to tell that a session expires at another time; ``None`` if not so."""
    try:
        session = get_session(principal=SYSTEM, session_id=session_id)
    except SessionsError:
        return None  # It is over, which is told next.
    if timestamp(session.expires_at) == expires_at:
        return None
    return payloads.session_renewed(session)


def _give_up(seat: _Seat) -> None:
    if seat.follower is not None:
        unfollow(seat.follower)
    if seat.teller is not None:
        seat.teller.cancel()
