"""A receiver on the loopback that verifies as receivers do, and answers by script."""

import ssl
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from standardwebhooks import Webhook


class Handler(BaseHTTPRequestHandler):
    server: "Receiver"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.requests.append((self.path, self.headers, body))
            script = self.server.script
            act = script.popleft() if len(script) > 1 else script[0]
        act(self)

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers, b""))
        self.begin(200)

    def begin(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def wait_for_hang_up(self) -> None:
        self.connection.settimeout(20)
        try:
            gone = self.connection.recv(1) == b""
        except ConnectionError:
            gone = True
        if gone:
            self.server.hung_up.set()

    def log_message(self, *_args: Any) -> None:
        """Keep quiet."""


Act = Callable[[Handler], None]


class Receiver(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        if certificate:
            self.scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        self.lock = Lock()
        #: Path, headers and body of each.
        self.requests: list[tuple[str, Any, bytes]] = []
        #: What it does, request by request; the last act is repeated.
        self.script: deque[Act] = deque([answer(204)])
        #: Set once a client has closed its connection before the end of the answer.
        self.hung_up = Event()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/hook?a=b"

    def will(self, *acts: Act) -> None:
        self.script = deque(acts)

    def verified(self, secret: str) -> list[Any]:
        """What the requests said; all of them must be signed with the secret."""
        return [
            Webhook(secret).verify(body, dict(headers))
            for _path, headers, body in self.requests
        ]

    def handle_error(self, *_args: Any) -> None:
        """Bear with clients that hang up."""


@contextmanager
def receiving(certificate: Path | None = None) -> Iterator[Receiver]:
    receiver = Receiver(certificate)
    thread = Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()


def answer(status: int, body: bytes = b"", **headers: str) -> Act:
    def act(handler: Handler) -> None:
        handler.begin(status, **headers)
        handler.wfile.write(body)

    return act


def keep_silent(handler: Handler) -> None:
    handler.wait_for_hang_up()


def close(handler: Handler) -> None:
    handler.close_connection = True


def drip(handler: Handler) -> None:
    """Send headers for ever, a byte at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    try:
        while not handler.server.hung_up.wait(0.05):
            handler.wfile.write(b"x")
    except OSError:
        handler.server.hung_up.set()


def flood(handler: Handler) -> None:
    """Refuse with a body without end."""
    handler.begin(500)
    try:
        while True:
            handler.wfile.write(b"\0flood" * 1000)
    except OSError:
        handler.server.hung_up.set()


def make_certificate(folder: Path, *names: str) -> Path:
    """Return a self-made certificate, with its key, for names such as ``IP:127.0.0.1``."""
    path = folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    options = f"-days 2 -subj /CN=test -addext subjectAltName={','.join(names)}"
    subprocess.run(
        [*command.split(), *options.split(), "-keyout", folder / "key.pem", "-out", path],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + (folder / "key.pem").read_text())
    return path
