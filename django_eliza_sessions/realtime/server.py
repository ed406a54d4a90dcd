"""The Socket.IO server beside a project's own ASGI application."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import socketio

from django_eliza_sessions.conf import conf
from django_eliza_sessions.realtime import announcing
from django_eliza_sessions.realtime.access import is_allowed_origin
from django_eliza_sessions.realtime.connections import Server
from django_eliza_sessions.realtime.handlers import Sockets
from django_eliza_sessions.realtime.packets import StrictPacket

ASGIApplication = Callable[[Any, Any, Any], Awaitable[None]]

#: The path that every Socket.IO client knows.
PATH = "/socket.io/"


def with_sockets(application: ASGIApplication) -> ASGIApplication:
    """Return an ASGI application that serves sockets, and hands on all else.

    Args:
        application: The project's, as from ``get_asgi_application()``.
    """
    sockets = socketio.ASGIApp(_server())

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        # Django knows neither websockets nor the start and end of a server.
        if scope["type"] == "lifespan" or scope["path"].startswith(PATH):
            await sockets(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await application(scope, receive, send)

    return serve


def _server() -> Server:
    announcing.connect()
    server = Server(
        async_mode="asgi",
        client_manager=_manager(),
        serializer=StrictPacket,
        # One event after the other, so that a client's messages keep their order, and
        # one that sends faster than it is served has to wait.
        async_handlers=False,
        cors_allowed_origins=is_allowed_origin,
        max_http_buffer_size=conf.max_body_bytes,
        engineio_logger=_logger(),
    )
    server.register_namespace(Sockets(server))
    return server


def _logger() -> logging.Logger:
    """Return where Engine.IO tells its errors, which quote what strangers sent.

    Left to itself, it would write them to the terminal, too. Its other lines tell what
    was said.
    """
    logger = logging.getLogger("django_eliza_sessions.engineio")
    logger.setLevel(logging.ERROR)
    logger.addFilter(_in_one_line)
    return logger


def _in_one_line(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    record.msg, record.args = text.encode("unicode_escape").decode(), ()
    return True


def _manager() -> socketio.AsyncManager:
    """Return what knows the rooms; with Redis it hears what other processes announce."""
    url = conf.realtime_redis_url
    if url is None:
        return socketio.AsyncManager()
    return socketio.AsyncRedisManager(
        url, channel=announcing.CHANNEL, redis_options=announcing.REDIS_OPTIONS
    )
