"""Bodies that never reach Django, on a real ASGI server."""

import json

import pytest
from django.core.asgi import get_asgi_application

from django_eliza_sessions.asgi import with_body_limit
from django_eliza_sessions.models import Message
from tests.api.test_requests import BASE, chunked, talk

LIMIT = 100


class Counted:
    """An ASGI application that counts the bytes it receives."""

    def __init__(self, application):
        self.application = application
        self.received = 0

    async def __call__(self, scope, receive, send):
        async def count():
            message = await receive()
            self.received += len(message.get("body", b""))
            return message

        await self.application(scope, count, send)


@pytest.fixture
def django():
    return Counted(get_asgi_application())


@pytest.fixture
def server(serve_asgi, configure, django):
    configure(MAX_BODY_BYTES=LIMIT)
    return serve_asgi(with_body_limit(django))


def declared(path, length, body=b""):
    """A request that says how long its body is, whatever then comes of it."""
    head = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        "\r\n",
    )
    return "\r\n".join(head).encode() + body


def unfinished(path, body):
    """A chunked request that does not end."""
    return chunked(path, [body]).removesuffix(b"0\r\n\r\n")


@pytest.mark.parametrize("prefix", ["", "/of/the/project"])
@pytest.mark.parametrize("length", [LIMIT + 1, 10**12])
def test_a_declared_length_is_refused_unseen(server, django, prefix, length):
    status, body = talk(server, declared(f"{prefix}{BASE}", length))
    assert status == 413
    assert body["error"]["type"] == "PayloadTooLargeError"
    assert body["error"]["context"] == {"maximum": LIMIT}
    assert django.received == 0


def test_the_connection_ends_with_the_refusal(server):
    import socket

    with socket.create_connection(server, timeout=10) as connection:
        connection.sendall(declared(BASE, LIMIT + 1))
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b"\r\nconnection: close\r\n" in answer
    assert b"\r\ncache-control: no-store\r\n" in answer  # As every answer of ours.


def test_chunks_are_refused_once_they_are_too_many(server, django, session):
    status, body = talk(server, unfinished(f"/{session.pk}/messages", b" " * (LIMIT + 1)))
    assert (status, body["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert django.received <= LIMIT
    assert not Message.objects.exists()


@pytest.mark.parametrize("length", [20, LIMIT])
def test_what_is_allowed_comes_through(server, session, length):
    body = json.dumps({"content": "Hello"}).encode().ljust(length)
    for request in (
        declared(f"{BASE}/{session.pk}/messages", length, body),
        chunked(f"/{session.pk}/messages", [body[:7], body[7:]]),
    ):
        assert talk(server, request)[0] == 201


def test_other_paths_are_the_projects_own(serve_asgi, configure):
    configure(MAX_BODY_BYTES=LIMIT)

    async def echo_length(scope, receive, send):
        length = len((await receive())["body"])
        headers = [(b"content-length", b"%d" % len(b"%d" % length))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"%d" % length})

    server = serve_asgi(with_body_limit(echo_length))
    assert talk(server, declared("/uploads", 1000, b"x" * 1000)) == (200, 1000)
