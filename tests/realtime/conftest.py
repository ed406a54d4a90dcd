"""A real server with sockets, on a thread, and clients of it."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import engineio
import pytest
import socketio
import uvicorn
from django.core.asgi import get_asgi_application

from django_eliza_sessions.realtime import with_sockets
from django_eliza_sessions.services import following
from tests.services.race import wait_until

#: Seconds to wait for what must come.
SOON = 60


class _Transport(engineio.Client):
    def _trigger_event(self, *args: Any, **options: Any) -> Any:
        return super()._trigger_event(*args, **options | {"run_async": False})

    def _write_loop(self) -> None:
        super()._write_loop()
        if self.state == "disconnecting" and self.current_transport == "polling":
            # It ends with what it is sending; that it goes may be queued behind that.
            goodbye = engineio.packet.Packet(engineio.packet.CLOSE)
            self._send_request("POST", self.base_url, body=goodbye.encode(), timeout=SOON)


class _Client(socketio.Client):
    """Hears one thing after another, and says when it goes.

    The original starts a thread for each thing it hears, and may go without a word.
    """

    def _engineio_client_class(self) -> type[engineio.Client]:
        return _Transport


@dataclass
class Socket:
    """A client that remembers what it is told, in order."""

    client: socketio.Client
    told: list[tuple[str, Any]] = field(default_factory=list)

    def names(self) -> list[str]:
        return [name for name, _ in self.told]

    def wait_for(self, name: str, count: int = 1) -> Any:
        """Return the payload of the nth event of this name, once it came."""
        wait_until(lambda: self.names().count(name) >= count, f"{name} in {self.names()}")
        return [payload for told, payload in self.told if told == name][count - 1]

    def call(self, name: str, payload: Any = None) -> Any:
        """Emit an event and return its acknowledgement."""
        return self.client.call(name, payload, timeout=SOON)

    def join(self, session: Any, **options: Any) -> Any:
        return self.call("join", {"roomId": str(session.pk), **options})

    def sequences(self) -> list[int]:
        return [p["sequence"] for _, p in self.told if "sequence" in p and "eventId" in p]


@pytest.fixture
def serve() -> Iterator[Callable[[], str]]:
    """Start a server; return its address."""
    running = []

    def start() -> str:
        application = with_sockets(get_asgi_application())
        config = uvicorn.Config(
            application,
            port=0,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=1,
            ws="websockets-sansio",
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        wait_until(lambda: server.started, "the server")
        port = server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    yield start
    wait_until(lambda: following._lookout._followers == {}, "all followers to be gone")
    for server, thread in running:
        server.should_exit = True
        thread.join(SOON)
        assert not thread.is_alive()


@pytest.fixture
def url(db: None, transactional_db: None, serve: Callable[[], str]) -> str:
    return serve()


@pytest.fixture
def connect(url: str) -> Iterator[Callable[..., Socket]]:
    """Open a socket; give any argument of python-socketio's client."""
    clients = []

    def open_socket(address: str = url, **arguments: Any) -> Socket:
        client = _Client(reconnection=False)
        socket = Socket(client)
        client.on("*", lambda name, payload=None: socket.told.append((name, payload)))
        client.connect(
            address, **{"transports": ["websocket"], "wait_timeout": SOON} | arguments
        )
        clients.append(client)
        return socket

    yield open_socket
    for client in clients:
        with contextlib.suppress(Exception):
            client.disconnect()
