"""Server-sent events over a real connection, read as they come."""

import http.client
import json
import ssl
from typing import Any

from tests.conftest import BASE


class Stream:
    """One request for a stream, on a connection of its own."""

    def __init__(
        self,
        address: tuple[str, int],
        path: str,
        body: Any = None,
        tls: ssl.SSLContext | None = None,
        **headers: str,
    ):
        self.connection = (
            http.client.HTTPSConnection(*address, timeout=20, context=tls)
            if tls
            else http.client.HTTPConnection(*address, timeout=20)
        )
        self.connection.request(
            "GET" if body is None else "POST",
            BASE + path,
            None if body is None else json.dumps(body),
            {"Accept": "text/event-stream", "Content-Type": "application/json"} | headers,
        )
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def block(self) -> str:
        """The next event or comment as it is on the wire; empty at the end."""
        lines = []
        while line := self.response.readline().decode():
            lines.append(line)
            if line == "\n":
                break
        return "".join(lines)

    def event(self) -> tuple[str, str, Any]:
        """The next event: its id, name and data."""
        block = self.block()
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line)
        return fields["id"], fields["event"], json.loads(fields["data"])

    def rest(self) -> str:
        return self.response.read().decode()

    def close(self) -> None:
        self.response.close()
        self.connection.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
