"""What all operations do with requests that nobody should send."""

import json
import socket
import uuid

import pytest

from django_eliza_sessions.models import Message, Session
from tests.api.shapes import ROUTES, error_of, every_route
from tests.conftest import BASE, Api
from tests.openapi.conformance import ConformingClient

MIB = 1024 * 1024
#: Every path: what follows the base, and its methods.
PATHS = {
    "": {"GET", "POST"},
    "/health": {"GET"},
    "/{id}": {"GET", "DELETE"},
    "/{id}/renew": {"POST"},
    "/{id}/timeout": {"PATCH"},
    "/{id}/heartbeat": {"POST"},
    "/{id}/messages": {"GET", "POST"},
}
every_path = pytest.mark.parametrize(("path", "methods"), PATHS.items(), ids=PATHS)
WRITES = {name: route for name, route in ROUTES.items() if route[0] != "GET"}
every_write = pytest.mark.parametrize(
    ("method", "below", "body"), WRITES.values(), ids=WRITES
)


def padded(body: dict, size: int) -> bytes:
    """Return a body as JSON of exactly this many bytes."""
    encoded = json.dumps(body).encode()
    return encoded + b" " * (size - len(encoded))


class TestBody:
    @every_write
    @pytest.mark.parametrize(
        "garbage",
        [
            b"{",
            b"}",
            b"{}{}",
            b"{'a': 1}",
            b'{"a": 1,}',
            b'{"a": 01}',
            b'{"a": +1}',
            b'{"a": .5}',
            b'{"a": 0x1}',
            b'{"a": NaN}',
            b'{"a": Infinity}',
            b'{"a": -Infinity}',
            b'{"a": 1e400}',
            b'{"a": -1e400}',
            b'{"a": ' + b"9" * 5000 + b"}",
            b'{"a": "\n"}',
            b'{"a": "\\x"}',
            b'{"a": "\\u12"}',
            b'{"a": undefined}',
            b"\xef\xbb\xbf{}",
            b'{"a": "\xff"}',
            b'{"a": "\xed\xa0\x80"}',
            b'{"a": "\xc0\x80"}',
            b'{"content": "caf\xe9"}',
            '{"content": "x"}'.encode("utf-16"),
            b"\x00",
            b" ",
            b"null",
            b"true",
            b"1",
            b'"text"',
            b"[]",
            b'[{"content": "x"}]',
            b"content=x",
        ],
        ids=lambda garbage: ascii(garbage[:20]),
    )
    def test_must_be_a_json_object(self, api, session, method, below, body, garbage):
        before = Session.objects.values().get()
        response = api._send(method, f"/{session.pk}{below}", garbage)
        error = error_of(response, 400, "InvalidRequestError")
        assert error["code"] == "VALIDATION_ERROR"
        assert error["context"] == {"field": "body"}
        assert len(error["details"]) < 400
        assert Session.objects.values().get() == before
        assert not Message.objects.exists()

    @pytest.mark.parametrize(
        ("left", "right"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"]
    )
    @pytest.mark.parametrize(
        ("depth", "status"), [(32, 400), (33, 400), (100_000, 400), (170_000, 400)]
    )
    def test_survives_deep_nesting(self, api, session, left, right, depth, status):
        for body in (left * depth, left * depth + b"1" + right * depth):
            response = api.post(f"/{session.pk}/messages", body)
            assert response.status_code == status
            assert response.json()["error"]["code"] == "VALIDATION_ERROR"

    @pytest.mark.parametrize(("lists", "status"), [(30, 201), (31, 400)])
    def test_may_be_nested_32_levels_deep(self, api, session, lists, status):
        nested = b"[" * lists + b"]" * lists
        # The body and the metadata are two levels more.
        body = b'{"content": "x", "metadata": {"k": ' + nested + b"}}"
        response = api.post(f"/{session.pk}/messages", body)
        assert response.status_code == status
        if status == 201:
            assert json.dumps(response.json()["metadata"]["k"]).encode() == nested

    @every_write
    @pytest.mark.parametrize("text", ["\x00", "\ud800"], ids=["NUL", "surrogate"])
    def test_ignores_unknown_fields_whatever_is_in_them(
        self, api, session, method, below, body, text
    ):
        odd = (body or {}) | {text: text, "other": [{text: [text]}]}
        response = api._send(method, f"/{session.pk}{below}", odd)
        assert response.status_code in (200, 201)

    @every_write
    def test_may_be_absent_or_empty_where_nothing_is_required(
        self, api, session, method, below, body
    ):
        if body:
            response = api._send(method, f"/{session.pk}{below}", None)
            assert error_of(response, 400, "InvalidContentError")
        else:
            for nothing in (None, b"", {}):
                api.post(f"/{session.pk}/renew")
                response = api._send("POST", f"/{session.pk}/heartbeat", nothing)
                assert response.status_code == 200

    def test_refuses_a_repeated_name(self, api, session):
        body = b'{"content": "first", "content": "last"}'
        response = api.post(f"/{session.pk}/messages", body)
        error_of(response, 400, "InvalidRequestError")
        assert not Message.objects.exists()


class TestSize:
    @every_write
    def test_may_be_a_mebibyte(self, api, session, method, below, body):
        fits = padded(body or {}, MIB)
        response = api._send(method, f"/{session.pk}{below}", fits)
        assert response.status_code in (200, 201)

    @every_write
    @pytest.mark.parametrize("size", [MIB + 1, 3 * MIB], ids=["one more", "three"])
    def test_may_not_be_larger(self, api, session, method, below, body, size):
        before = Session.objects.values().get()
        too_large = padded(body or {}, size)
        response = api._send(method, f"/{session.pk}{below}", too_large)
        error = error_of(response, 413, "PayloadTooLargeError")
        assert error["code"] == "PAYLOAD_TOO_LARGE"
        assert error["context"] == {"maximum": MIB}
        assert Session.objects.values().get() == before
        assert not Message.objects.exists()

    def test_follows_the_setting(self, api, session, settings):
        settings.ELIZA_SESSIONS = settings.ELIZA_SESSIONS | {"MAX_BODY_BYTES": 20}
        assert api.patch(f"/{session.pk}/timeout", padded({}, 20)).status_code == 200
        response = api.patch(f"/{session.pk}/timeout", padded({}, 21))
        assert error_of(response, 413, "PayloadTooLargeError")["context"] == {"maximum": 20}


class TestMediaType:
    @pytest.mark.parametrize(
        "media_type",
        [
            "application/json",
            "APPLICATION/JSON",
            "application/json ; charset=utf-8",
            "application/json;charset=UTF-8",
            'application/json; charset="utf-8"; q=1',
            "application/json; charset=bogus",
            "application/json; charset=latin-1",
            "application/json;",
            "application/json; charset=hex",
        ],
    )
    def test_is_json_whatever_its_parameters(self, api, session, media_type):
        body = json.dumps({"content": "é😀"}, ensure_ascii=False).encode()
        response = api.post(f"/{session.pk}/messages", body, content_type=media_type)
        assert response.status_code == 201
        assert response.json()["content"] == "é😀"

    @every_write
    @pytest.mark.parametrize(
        "media_type",
        [
            "",
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "json",
            "*/*",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "application/*",
            "application/jsonp",
            "application/merge-patch+json",
            "é/\x7f",
            ";",
            "a" * 5000,
        ],
        ids=lambda media_type: ascii(media_type[:30]),
    )
    def test_of_another_kind_is_a_415(self, api, session, method, below, body, media_type):
        before = Session.objects.values().get()
        response = api._send(
            method, f"/{session.pk}{below}", b'{"content":"x"}', content_type=media_type
        )
        error = error_of(response, 415, "UnsupportedMediaTypeError")
        assert error["code"] == "UNSUPPORTED_MEDIA_TYPE"
        assert "application/json" in error["details"]
        assert Session.objects.values().get() == before
        assert not Message.objects.exists()

    def test_does_not_matter_without_a_body(self, api, session):
        response = api.client.generic(
            "POST", f"{BASE}/{session.pk}/renew", b"", content_type="text/plain"
        )
        assert response.status_code == 200

    def test_comes_before_the_session(self, api):
        response = api.post(f"/{uuid.uuid4()}/renew", b"x", content_type="text/plain")
        error_of(response, 415, "UnsupportedMediaTypeError")
        error_of(api.post(f"/{uuid.uuid4()}/renew", b"x"), 400, "InvalidRequestError")

    @pytest.mark.parametrize(
        "accept",
        [
            "text/html",
            "application/xml",
            "text/event-stream",
            "image/*;q=0",
            "é",
            "",
            "/",
            "application/json;q=0",
            "application/json; indent=8",
            "x" * 5000,
            "*/*;q=x",
        ],
    )
    def test_of_the_answer_is_json_whatever_is_accepted(self, api, session, accept):
        plain = api.get(f"/{session.pk}/messages").content
        response = api.client.get(
            f"{BASE}/{session.pk}/messages", headers={"Accept": accept}
        )
        assert response["Content-Type"] == "application/json"
        assert (response.status_code, response.content) == (200, plain)
        missing = api.client.get(f"{BASE}/x", headers={"Accept": accept})
        error_of(missing, 404, "SessionNotFoundError")

    @pytest.mark.parametrize("form", ["json", "xml", "api", "", "\x00"])
    def test_of_the_answer_ignores_format(self, api, session, form):
        response = api.get(f"/{session.pk}", format=form)
        assert response.status_code == 200
        assert response["Content-Type"] == "application/json"


class TestQuery:
    @pytest.mark.parametrize("path", ["", "/{id}/messages"])
    @pytest.mark.parametrize(
        "query",
        [
            "limit=1&limit=2",
            "limit=1&limit=1",
            "limit[]=1",
            "limit[0]=1",
            "before[gt]=1",
            "limit=&limit=",
            "a=1&a=2",
            "l%5B%5D=1",
            "before=1&after=1&before=2",
        ],
    )
    def test_must_give_each_parameter_once_and_plainly(self, api, session, path, query):
        response = api.get(f"{path.format(id=session.pk)}?{query}")
        error = error_of(response, 400, "InvalidRequestError")
        assert error["code"] == "VALIDATION_ERROR"

    @pytest.mark.parametrize("path", ["", "/{id}/messages"])
    @pytest.mark.parametrize(
        "query",
        [
            "limit=%00",
            "limit=%ff",
            "limit=%",
            "limit=%zz",
            "limit=%ED%A0%80",
            "limit=%C0%80",
            "limit=%F0%9F%98%80",
            "limit=;",
            "limit",
            "limit=5%0A",
            "limit=%D9%A5",
        ],
    )
    def test_refuses_garbage(self, api, session, path, query):
        response = api.get(f"{path.format(id=session.pk)}?{query}")
        error_of(response, 400, "InvalidPaginationError")

    @pytest.mark.parametrize("path", ["", "/{id}/messages", "/{id}", "/health"])
    @pytest.mark.parametrize(
        "query", ["%00=%00", "%ff=%ff", "&&&", "=", "?", "unknown=1", "%ED%A0%80=1"]
    )
    def test_ignores_unknown_parameters(self, api, session, path, query):
        response = api.get(f"{path.format(id=session.pk)}?{query}")
        assert response.status_code == 200

    def test_may_not_have_thousands_of_parameters(self, api, session):
        query = "&".join(f"x{n}=1" for n in range(2000))
        response = api.get(f"/{session.pk}/messages?{query}")
        error_of(response, 400, "InvalidRequestError")


class TestPath:
    @pytest.mark.parametrize(
        "path",
        [
            "//",
            "//health",
            "/{id}//",
            "/{id}//messages",
            "/{id}/messages//",
            "/{id}/Renew",
            "/{id}/unknown",
            "/{id}/messages/1",
            "/{id}/messages/1/2/3",
            "/a/b/c/d/e",
            "/{id}/renew%0A",
            "/{id}/%00",
            "/{id}/..",
            "/../..",
            "/{id}/renew.json",
            "/{id}/%ff",
            "/{id}/é😀",
            "/health/x",
            "/x%0Ay/%ED%A0%80",
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    def test_that_is_unknown_is_a_404(self, api, session, path, method):
        response = api._send(method, path.format(id=session.pk), b"{" * 9)
        assert error_of(response, 404, "NotFoundError")["code"] == "NOT_FOUND"

    @pytest.mark.parametrize("path", ["s", "-old", "%0A"])
    def test_outside_of_ours_is_the_projects(self, client, path):
        response = client.get(f"{BASE}{path}")
        assert response.status_code == 404
        assert response["Content-Type"].startswith("text/html")


class TestMethod:
    @pytest.mark.parametrize(
        ("path", "method"),
        [
            (path, method)
            for path, methods in PATHS.items()
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
            if method not in methods
        ],
    )
    def test_that_is_unsupported_is_a_405(self, api, session, path, method):
        before = Session.objects.values().get()
        for slash in ("", "/"):
            response = api._send(method, path.format(id=session.pk) + slash, None)
            error = error_of(response, 405, "MethodNotAllowedError")
            assert error["code"] == "METHOD_NOT_ALLOWED"
            assert allowed(response) == with_companions(PATHS[path])
        assert Session.objects.values().get() == before

    @every_path
    def test_options_tells_which_there_are(self, api, session, path, methods):
        response = api._send("OPTIONS", path.format(id=session.pk), None)
        assert response.status_code == 200
        assert response.content == b""
        assert allowed(response) == with_companions(methods)

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/health",
            "/{id}",
            "/{id}/messages",
            "/x",
            "/{id}/y",
            "/{id}/messages?limit=0",
        ],
    )
    def test_head_answers_as_get_without_a_body(self, clock, api, session, path):
        path = path.format(id=session.pk)
        got = api._send("GET", path, None)
        head = api._send("HEAD", path, None)
        assert head.status_code == got.status_code
        assert head.content == b""
        ours = {"Content-Type", "Allow"}
        assert {h: head.headers.get(h) for h in ours} == {
            h: got.headers.get(h) for h in ours
        }

    def test_head_is_refused_where_there_is_no_get(self, api, session):
        response = api._send("HEAD", f"/{session.pk}/renew", None)
        assert response.status_code == 405


def allowed(response) -> set[str]:
    return set(response["Allow"].split(", "))


def with_companions(methods: set[str]) -> set[str]:
    return methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())


def talk(address: tuple[str, int], request: bytes) -> tuple[int, dict]:
    """Send bytes to a real server; return status and JSON of what it answers."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            length = 0
            while (line := answer.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            return status, json.loads(answer.read(length))


def chunked(path: str, chunks: list[bytes], **headers: str) -> bytes:
    lines = {
        "Host": "localhost",
        "Content-Type": "application/json",
        "Transfer-Encoding": "chunked",
        "Connection": "close",
    } | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return f"POST {BASE}{path} HTTP/1.1\r\n{head}\r\n".encode() + body


class TestChunkedBody:
    """Sent without a length, as proxies and streaming clients do."""

    @pytest.mark.parametrize("word", ["chunked", "Chunked"])
    def test_is_read(self, asgi_server, session, word):
        chunks = [b'{"transport":', b' "http", "content": "in ', b'parts"}']
        request = chunked(f"/{session.pk}/messages", chunks, **{"Transfer-Encoding": word})
        status, sent = talk(asgi_server, request)
        assert status == 201
        assert sent["content"] == "in parts"

    def test_may_be_empty(self, asgi_server, session):
        status, info = talk(asgi_server, chunked(f"/{session.pk}/renew", []))
        assert (status, info["renewalCount"]) == (200, 1)

    @pytest.mark.parametrize(
        ("chunks", "headers", "status"),
        [
            ([b"{"], {}, 400),
            ([b"[]"], {}, 400),
            ([b'{"content": "x"}'], {"Content-Type": "text/plain"}, 415),
            ([b'{"content": "x"}', b" " * MIB], {}, 413),
            ([b" " * MIB] * 4, {}, 413),
        ],
        ids=["malformed", "no object", "media type", "large", "huge"],
    )
    def test_is_held_to_the_same_rules(self, asgi_server, session, chunks, headers, status):
        request = chunked(f"/{session.pk}/messages", chunks, **headers)
        answered, body = talk(asgi_server, request)
        assert (answered, body["success"]) == (status, False)
        assert not Message.objects.exists()

    def test_is_never_half_read_under_wsgi(self, live_server, session):
        # WSGI has no way to tell a chunked body from none.
        address = (live_server.thread.host, live_server.thread.port)
        request = chunked(f"/{session.pk}/messages", [b'{"content":', b' "x"}'])
        status, body = talk(address, request)
        assert (status, body["error"]["code"]) == (400, "VALIDATION_ERROR")
        assert not Message.objects.exists()


class TestRealServers:
    @pytest.mark.parametrize("server", ["wsgi", "asgi"])
    def test_answer_alike(self, request, transactional_db, session, server):
        if server == "asgi":
            address = request.getfixturevalue("asgi_server")
        else:
            thread = request.getfixturevalue("live_server").thread
            address = (thread.host, thread.port)

        def post(body: bytes, *headers: str) -> tuple[int, dict]:
            head = "\r\n".join(
                (
                    f"POST {BASE}/{session.pk}/messages HTTP/1.1",
                    "Host: localhost",
                    f"Content-Length: {len(body)}",
                    "Connection: close",
                    *headers,
                )
            )
            return talk(address, head.encode() + b"\r\n\r\n" + body)

        json_type = "Content-Type: application/json"
        hello = json.dumps({"content": "Hello", "transport": "http"}).encode()
        assert post(hello, json_type)[0] == 201
        assert post(padded({"content": "x", "transport": "http"}, MIB), json_type)[0] == 201
        assert post(padded({"content": "x"}, MIB + 1), json_type)[0] == 413
        assert post(hello)[0] == 415
        assert post(b"\xff", json_type)[0] == 400
        assert post(b"", json_type)[1]["error"]["type"] == "InvalidContentError"
        assert Message.objects.count() == 4

    @pytest.mark.parametrize("path", ["/%00", "/%ff%fe", "/%ED%A0%80/renew", "/a%0d%0ab"])
    def test_survive_odd_paths(self, live_server, session, path):
        thread = live_server.thread
        request = f"GET {BASE}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        status, body = talk((thread.host, thread.port), request.encode() + b"\r\n")
        assert status in (404, 405)
        assert body["success"] is False


@every_route
def test_nothing_odd_in_a_header_is_a_500(session, method, below, body):
    odd = {"X-API-KEY": "\udcff", "Accept-Language": "xx", "X-Forwarded-For": "\x00"}
    odd |= {"Range": "bytes=5-1", "If-None-Match": '"x"', "Origin": "null"}
    api = Api(ConformingClient(headers={k: v for k, v in odd.items() if k != "X-API-KEY"}))
    response = api._send(method, f"/{session.pk}{below}", body)
    assert response.status_code in (200, 201)
