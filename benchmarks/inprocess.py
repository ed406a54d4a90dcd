"""The application called in this process: no server, no network."""

import io
from collections.abc import Callable
from typing import Any

from benchmarks.operations import Operation
from benchmarks.service import KEY

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


def call(application: Application, operation: Operation, session: str, fresh: str) -> None:
    """Have the WSGI application carry out an operation once.

    Args:
        session: The id of the session it is about, if it is about one.
        fresh: A UUID that never was.
    """
    path, _, query = operation.path.replace("{session}", session).partition("?")
    body = operation.body.replace("{uuid}", fresh).encode()
    environ = {
        "REQUEST_METHOD": operation.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_X_API_KEY": KEY,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    statuses: list[str] = []
    answer = application(environ, lambda status, _headers: statuses.append(status))
    content = b"".join(answer)
    getattr(answer, "close", bool)()
    assert statuses[0][:3] in ("200", "201"), content
