"""A connection that can be cut: what stands between a browser and its server."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine
from contextlib import suppress
from threading import Thread
from typing import Any


class Wire:
    """Passes bytes on to a port, until told otherwise."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.is_down = False
        #: Whether requests arrive and the answers to them get lost.
        self.loses_answers = False
        #: Whoever says this loses the connection.
        self.refused: bytes | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._connect, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Cut what is connected; what comes next gets through."""
        self._do(self._cut())

    def take_down(self) -> None:
        self.is_down = True
        self.cut()

    def put_up(self) -> None:
        self.is_down = False

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self.take_down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _cut(self) -> None:
        connections = [*self._connections]
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        # Not this task itself: the server would complain when it is cancelled.
        connection = asyncio.create_task(self._pass_on_all(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _pass_on_all(self, reader: StreamReader, writer: StreamWriter) -> None:
        writers = [writer]
        try:
            with suppress(OSError):
                far = await asyncio.open_connection("127.0.0.1", self.port)
                writers.append(far[1])
                ways = [self._pass_on(reader, far[1], True), self._pass_on(far[0], writer)]
                tasks = [asyncio.create_task(way) for way in ways]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for end in writers:
                end.close()
            for end in writers:
                with suppress(OSError):
                    await end.wait_closed()

    async def _pass_on(
        self, source: StreamReader, target: StreamWriter, is_ask: bool = False
    ) -> None:
        while data := await source.read(65536):
            refuses = is_ask and self.refused is not None and self.refused in data
            if self.is_down or refuses or (self.loses_answers and not is_ask):
                return
            target.write(data)
            await target.drain()
