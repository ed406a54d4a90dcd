"""A server on the loopback that answers by script: as OpenAI streams, or any JSON."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers each request with the next act of the script."""

    server: "Server"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, self.headers, body))
        script = self.server.script
        act = script.popleft() if len(script) > 1 else script[0]
        act(self)

    def begin(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send_data(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode())

    def send_chunk(self, choices: list[Any], **fields: Any) -> None:
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        self.send_data(json.dumps(chunk | {"choices": choices} | fields))

    def send_tokens(self, tokens: tuple[str, ...]) -> None:
        for token in tokens:
            delta = {"role": "assistant", "content": token}
            self.send_chunk([{"index": 0, "delta": delta}])

    def wait_for_hang_up(self) -> None:
        self.connection.settimeout(20)
        if self.connection.recv(1) == b"":
            self.server.hung_up.set()

    def log_message(self, *_args: Any) -> None:
        """Keep quiet."""


Act = Callable[[Handler], None]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        #: Path, headers and body of each.
        self.requests: list[tuple[str, Any, Any]] = []
        #: What it does, request by request; the last act is repeated.
        self.script: deque[Act] = deque()
        #: Set once a client has closed its connection before the end of the answer.
        self.hung_up = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def will(self, *acts: Act) -> None:
        self.script = deque(acts)


@contextmanager
def loopback() -> Iterator[Server]:
    server = Server()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(body: Any, status: int = 200, **headers: str) -> Act:
    """Answer with JSON."""

    def act(handler: Handler) -> None:
        handler.begin(status, Content_Type="application/json", **headers)
        handler.wfile.write(json.dumps(body).encode())

    return act


def refuse(status: int, **headers: str) -> Act:
    return answer({"error": {"message": "Not now.", "type": "x"}}, status, **headers)


def say(*tokens: str) -> Act:
    """Stream tokens, that it is done, and what it cost."""

    def act(handler: Handler) -> None:
        handler.begin(Content_Type="text/event-stream")
        handler.send_tokens(tokens)
        handler.send_chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        handler.send_chunk([], usage=usage)
        handler.send_data("[DONE]")

    return act


def break_off_after(*tokens: str) -> Act:
    def act(handler: Handler) -> None:
        handler.begin(Content_Type="text/event-stream", Content_Length="100000")
        handler.send_tokens(tokens)

    return act


def babble_after(*tokens: str) -> Act:
    def act(handler: Handler) -> None:
        handler.begin(Content_Type="text/event-stream")
        handler.send_tokens(tokens)
        handler.send_data('{"choices": [')

    return act


def fall_silent_after(*tokens: str) -> Act:
    """Stream tokens, and then nothing until the client hangs up."""

    def act(handler: Handler) -> None:
        handler.begin(Content_Type="text/event-stream")
        handler.send_tokens(tokens)
        handler.wait_for_hang_up()

    return act


def keep_silent(handler: Handler) -> None:
    handler.wait_for_hang_up()
