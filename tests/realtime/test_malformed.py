"""Whatever a client sends, it gets a ``messageError`` and the server goes on."""

import json
import logging
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_websocket

from tests.realtime.conftest import SOON

pytestmark = pytest.mark.django_db(transaction=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ("roomId", "channelId", "afterSequence", "type", "payload", "message", "senderId")
PAYLOADS = JSON | st.dictionaries(st.sampled_from(FIELDS), JSON)


def assert_no_error_in(caplog):
    ours = ("engineio", "socketio", "asyncio", "django_eliza_sessions")
    errors = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert not [record for record in errors if record.name.startswith(ours)]


@pytest.mark.parametrize("event", ["join", "leave", "1", "2", "message"])
def test_payloads_of_any_shape(connect, event, caplog):
    socket = connect()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(PAYLOADS)
    def answers(payload):
        answer = socket.call(event, payload)
        if event != "leave":
            assert answer.keys() == {"error", "code"}
            assert answer["code"] in ("VALIDATION_ERROR", "SESSION_NOT_FOUND")

    answers()
    assert_no_error_in(caplog)


@pytest.fixture
def raw(url):
    with connect_websocket(
        f"{url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    ) as raw:
        raw.recv(SOON)
        raw.send("40")
        assert raw.recv(SOON).startswith("40")
        assert "connection_established" in raw.recv(SOON)
        yield raw


def test_writes_no_line_of_the_log(url, caplog, capfd):
    forged = quote("x\n2026-01-01 ERROR django.security: Forged")

    with pytest.raises(HTTPError):
        urlopen(f"{url}/socket.io/?EIO=4&transport=polling&sid={forged}", timeout=SOON)

    [record] = [r for r in caplog.records if "Forged" in r.getMessage()]
    assert "\n" not in record.getMessage()
    assert "Forged" not in capfd.readouterr().err


DEEP = 33 * "[" + 33 * "]"


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        ("42", "event must have a name"),
        ("42{}", "event must have a name"),
        ("42[]", "event must have a name"),
        ('42[{"a": 1}]', "event must have a name"),
        ('42["connect", {}]', "event must have a name that is not reserved"),
        ('42["disconnect"]', "event must have a name that is not reserved"),
        ('42["malformed", 1]', "event must have a name that is not reserved"),
        ('42["join", NaN]', "body must be JSON we can keep"),
        ('42["join", {"a": 1, "a": 2}]', "body must be JSON we can keep"),
        ('42["join"', "body must be valid JSON"),
        (f'42["join", {DEEP}]', "body must not be nested deeper than 32"),
        ('42["join", ' + 5000 * "[", "body must"),
        ('451-["join", {"_placeholder": true, "num": 0}]', "packet must be"),
        ("47", "packet must be"),
        ("4x", "packet must be one of Socket.IO"),
        ("4", "packet must be one of Socket.IO"),
        ("4null", "packet must be one of Socket.IO"),
        ('4{"a": 1}', "packet must be one of Socket.IO"),
        (b"\x00binary", "packet must not be binary"),
        (b"", "packet must not be binary"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_packets_of_any_shape(raw, packet, problem, caplog):
    raw.send(packet)
    name, error = json.loads(raw.recv(SOON)[2:])
    assert name == "messageError"
    assert error["error"].startswith(problem)
    assert error["code"] == "VALIDATION_ERROR"
    raw.send('42["join"]')
    assert "payload must be an object, got null" in raw.recv(SOON)
    assert_no_error_in(caplog)


@pytest.mark.parametrize("event", ["joins", "malforme", "", "__init__"])
def test_events_without_a_handler(connect, event):
    socket = connect()
    answer = socket.call(event, {})
    assert answer == {
        "code": "VALIDATION_ERROR",
        "error": f'event must be one of join, leave, 1, 2, message, got "{event}"',
    }
    assert socket.wait_for("messageError") == answer


def test_more_bytes_than_a_body_may_have(raw, connect):
    raw.send(json.dumps("x" * 1024 * 1024))
    with pytest.raises(ConnectionClosed):
        raw.recv(SOON)
    connect().wait_for("connection_established")
