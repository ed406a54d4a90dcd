"""Telling rooms what may be missed: renewals, and pieces of a reply as they come.

It comes from signals, in whichever process made the change, on the thread that made it;
so nothing here waits. In one process it goes to the sockets of that process; with
``REALTIME_REDIS_URL`` to those of all, through Redis, from a thread of its own. Redis may
be away: what cannot be sent is dropped.
"""

import asyncio
import logging
from functools import cache
from queue import Full, Queue
from threading import Thread
from typing import Any

import socketio

from django_eliza_sessions import signals
from django_eliza_sessions.conf import conf
from django_eliza_sessions.realtime import payloads

logger = logging.getLogger(__name__)

#: Where Socket.IO's processes meet in Redis.
CHANNEL = "eliza-sessions"
#: Seconds that Redis may take.
REDIS_OPTIONS = {"socket_connect_timeout": 1, "socket_timeout": 1}
#: What may wait for Redis before more is dropped.
MAX_WAITING = 1000

#: The servers of this process with their event loops; one, outside of tests.
_servers: dict[socketio.AsyncServer, asyncio.AbstractEventLoop] = {}


def connect() -> None:
    """Begin to announce; harmless when repeated."""
    signals.session_renewed.connect(_announce_renewal)
    signals.reply_chunk_added.connect(_announce_chunk)


def announce_to(server: socketio.AsyncServer) -> None:
    """Let the sockets of a server hear; called on its event loop."""
    _servers[server] = asyncio.get_running_loop()


def _announce_renewal(session: Any, **_arguments: Any) -> None:
    _announce(str(session.pk), payloads.session_renewed(session))


def _announce_chunk(reply: Any, index: int, text: str, **_arguments: Any) -> None:
    _announce(str(reply.session_id), payloads.reply_chunk(reply, index, text))


def _announce(room: str, told: payloads.Told) -> None:
    name, payload = told
    if url := conf.realtime_redis_url:
        try:
            _publisher(url).put_nowait((name, payload, room))
        except Full:
            logger.warning("Redis is too slow: %s for %s was dropped", name, room)
        return
    for server, loop in list(_servers.items()):
        if loop.is_closed():
            del _servers[server]
        else:
            asyncio.run_coroutine_threadsafe(server.emit(name, payload, room=room), loop)


@cache
def _publisher(url: str) -> Queue[tuple[str, dict[str, Any], str]]:
    """Return the queue of what a thread publishes, in order."""
    waiting: Queue[tuple[str, dict[str, Any], str]] = Queue(MAX_WAITING)
    manager = socketio.RedisManager(
        url, channel=CHANNEL, write_only=True, logger=logger, redis_options=REDIS_OPTIONS
    )

    def publish() -> None:
        while True:
            name, payload, room = waiting.get()
            manager.emit(name, payload, room=room)

    Thread(target=publish, name="eliza-publisher", daemon=True).start()
    return waiting
