"""The wire below Socket.IO's clients: what the protocols' own test suites ask of a server.

Two of their demands do not apply: binary packets and further namespaces are refused here.
A few are not met by python-engineio: it takes a handshake without ``transport`` for long
polling, answers ``PUT`` with 405, ``POST`` with ``OK`` in capitals, and one of two polls
at once like the other.
"""

import contextlib
import functools
import http.client
import json
import logging
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_websocket

from django_eliza_sessions.realtime import connections, framing, server
from tests.realtime.conftest import SOON
from tests.services.race import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
SPOKEN = {"EIO": "4", "transport": "polling"}
WEBSOCKET = "EIO=4&transport=websocket"
LEAVE = '["leave",{"roomId":"00000000-0000-4000-8000-000000000000"}]'
CLOSE, NOOP = "1", "6"


class Polling:
    """A connection by long polling; none yet, until it is opened."""

    def __init__(self, address):
        self.address = address
        self.session = {}

    def request(self, method="GET", packets=None, **query):
        return requests.request(
            method,
            self.address,
            params={**SPOKEN, **self.session, **query},
            data=packets,
            timeout=SOON,
        )

    def open(self):
        """Begin; return what the server says of the connection."""
        handshake = json.loads(self.poll().removeprefix("0"))
        self.session = {"sid": handshake["sid"]}
        return handshake

    def poll(self):
        answer = self.request()
        assert answer.status_code == 200
        return answer.text

    @contextlib.contextmanager
    def waiting(self):
        """Poll, without waiting for the answer: ``getresponse()`` does."""
        address = urlsplit(self.address)
        poll = http.client.HTTPConnection(address.hostname, address.port, timeout=SOON)
        poll.request("GET", f"{address.path}?{urlencode({**SPOKEN, **self.session})}")
        with contextlib.closing(poll):
            yield poll

    def post(self, packets):
        return self.request("POST", packets).status_code

    def enter(self):
        """Open, and connect to the namespace."""
        self.open()
        self.post("40")
        packets = self.poll()
        if "connection_established" not in packets:
            self.poll()

    def is_over(self):
        return self.request().status_code == 400


@pytest.fixture
def polling(url):
    return Polling(f"{url}/socket.io/")


@pytest.fixture
def dial(url):
    """Open a websocket."""
    with contextlib.ExitStack() as opened:

        def dial(query=WEBSOCKET):
            address = f"{url.replace('http', 'ws')}/socket.io/?{query}"
            return opened.enter_context(connect_websocket(address))

        yield dial


@pytest.fixture
def websocket(dial):
    """A websocket after Engine.IO's handshake."""
    websocket = dial()
    assert websocket.recv(SOON).startswith("0")
    return websocket


@pytest.fixture
def entered(websocket):
    """A websocket in the namespace."""
    websocket.send("40")
    assert websocket.recv(SOON).startswith("40")
    assert "connection_established" in websocket.recv(SOON)
    return websocket


def assert_answers(websocket):
    websocket.send(f"421{LEAVE}")
    answer = websocket.recv(SOON)
    if answer == NOOP:  # It was meant to end a poll before an upgrade.
        answer = websocket.recv(SOON)
    assert answer.startswith("431[")


def assert_closed(websocket):
    with contextlib.suppress(ConnectionClosed):
        assert websocket.recv(SOON) in (CLOSE, NOOP)
    with pytest.raises(ConnectionClosed):
        websocket.recv(SOON)


class TestHandshake:
    def test_by_polling(self, polling):
        handshake = polling.open()
        assert isinstance(handshake.pop("sid"), str)
        assert handshake == {
            "upgrades": ["websocket"],
            "pingInterval": 25_000,
            "pingTimeout": 20_000,
            "maxPayload": 1024 * 1024,
        }

    def test_by_websocket(self, dial):
        handshake = json.loads(dial().recv(SOON).removeprefix("0"))
        assert isinstance(handshake.pop("sid"), str)
        assert handshake == {
            "upgrades": [],
            "pingInterval": 25_000,
            "pingTimeout": 20_000,
            "maxPayload": 1024 * 1024,
        }

    def test_that_is_none_by_polling(self, polling):
        unknown = (
            {"EIO": None},
            {"EIO": "3"},
            {"EIO": "a"},
            {"transport": "a"},
            {"sid": "a"},
        )
        statuses = [
            polling.request(method, **query).status_code
            for query in unknown
            for method in ("GET", "POST")
        ]
        assert statuses == [400] * 10

    def test_that_is_none_by_websocket(self, dial):
        for query in (
            "transport=websocket",
            "EIO=3&transport=websocket",
            "EIO=a&transport=websocket",
            "EIO=4",  # Then it is long polling, which no websocket can do.
            "EIO=4&transport=a",
            f"{WEBSOCKET}&sid=a",
        ):
            with pytest.raises((InvalidStatus, ConnectionClosed)):
                dial(query).recv(SOON)

    def test_with_another_method(self, polling):
        assert polling.request("POST", "40").status_code == 400
        assert polling.request("PUT").status_code == 405


class TestPolling:
    @pytest.mark.parametrize("count", [1, 100])
    def test_packets_at_once(self, polling, count):
        polling.enter()
        assert polling.post("\x1e".join(f"42{i}{LEAVE}" for i in range(count))) == 200
        heard = []
        while len(heard) < count:
            heard += polling.poll().split("\x1e")
        assert [packet.split("[")[0] for packet in heard] == [
            f"43{i}" for i in range(count)
        ]


class TestUnreadable:
    """What is lost ends the connection, so that its client goes on with another."""

    @pytest.fixture(autouse=True)
    def quiet(self, caplog):
        yield
        assert not [r for r in caplog.records if r.levelno >= logging.WARNING]

    @pytest.mark.parametrize(
        "packets",
        ["", "abc", "x", "0", "2", "6", "7", "42[]\x1e", "bx", "\x1e", b"\xff", b"4\xff"],
        ids=repr,
    )
    def test_by_polling(self, polling, packets):
        polling.enter()
        assert polling.post(packets) == 400
        assert polling.is_over()

    def test_more_than_a_request_may_bring(self, polling):
        polling.enter()
        most = [f"42{LEAVE}"] * framing.MAX_PACKETS
        assert polling.post("\x1e".join(most)) == 200
        assert polling.post("\x1e".join([*most, f"42{LEAVE}"])) == 400
        assert polling.is_over()

    @pytest.mark.parametrize("pieces", [1, 2], ids=["whole", "in pieces"])
    def test_larger_than_a_request_may_be(self, polling, pieces):
        polling.enter()
        half = b"4" * (1024 * 1024 // 2 + 1)
        body = 2 * half if pieces == 1 else iter([half, half])
        assert polling.post(body) == 413
        assert polling.is_over()

    def test_in_pieces(self, polling):
        """Without a length beforehand it is read nevertheless."""
        polling.enter()
        assert polling.post(iter([b"421", LEAVE.encode()])) == 200
        assert polling.poll().startswith("431[")

    @pytest.mark.parametrize("packet", ["", "abc", "7", "bx"])
    def test_by_websocket(self, entered, packet):
        entered.send(packet)
        assert_closed(entered)

    @pytest.mark.parametrize("packet", ["abc", "9", "4" * (1024 * 1024 + 1)])
    def test_when_it_upgrades(self, polling, dial, packet):
        polling.enter()
        websocket = dial(f"{WEBSOCKET}&sid={polling.session['sid']}")
        websocket.send(packet)
        assert_closed(websocket)


class TestClosing:
    @pytest.mark.parametrize("begin", [Polling.open, Polling.enter])
    def test_by_polling(self, polling, begin):
        begin(polling)
        with polling.waiting() as poll:
            assert polling.post(CLOSE) == 200
            assert poll.getresponse().read() == NOOP.encode()
        assert polling.is_over()
        assert polling.post("40") == 400

    @pytest.mark.parametrize("begun", ["websocket", "entered"])
    def test_by_websocket(self, request, begun):
        websocket = request.getfixturevalue(begun)
        websocket.send(CLOSE)
        assert_closed(websocket)


class TestUpgrade:
    @pytest.fixture
    def upgraded(self, polling, dial):
        """A websocket that went on where polling was."""
        polling.enter()
        websocket = dial(f"{WEBSOCKET}&sid={polling.session['sid']}")
        websocket.send("2probe")
        assert websocket.recv(SOON) == "3probe"
        assert polling.poll() == NOOP
        websocket.send("5")
        return websocket

    def test_goes_on_in_the_namespace(self, upgraded):
        assert_answers(upgraded)

    def test_ends_polling(self, upgraded, polling):
        wait_until(polling.is_over, "the upgrade")
        assert polling.post("40") == 400
        assert_answers(upgraded)

    def test_happens_once(self, upgraded, polling, dial):
        wait_until(polling.is_over, "the upgrade")
        with pytest.raises(InvalidStatus):
            dial(f"{WEBSOCKET}&sid={polling.session['sid']}")
        assert_answers(upgraded)


class TestHeartbeat:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch, ping_timeout):
        # Whole seconds, since the handshake tells no others.
        quick = functools.partial(
            connections.Server, ping_interval=1, ping_timeout=ping_timeout
        )
        monkeypatch.setattr(server, "Server", quick)

    @pytest.mark.parametrize("ping_timeout", [SOON])
    def test_by_polling(self, polling):
        assert polling.open()["pingInterval"] == 1000
        for _ in range(2):
            assert polling.poll() == "2"
            assert polling.post("3") == 200

    @pytest.mark.parametrize("ping_timeout", [SOON])
    def test_by_websocket(self, entered):
        for _ in range(2):
            assert entered.recv(SOON) == "2"
            entered.send("3")

    @pytest.mark.parametrize("ping_timeout", [0.25])
    def test_by_polling_never(self, polling):
        assert polling.open()["pingTimeout"] == 250
        wait_until(polling.is_over, "the end")

    @pytest.mark.parametrize("ping_timeout", [0.25])
    def test_by_websocket_never(self, entered):
        assert entered.recv(SOON) == "2"
        assert_closed(entered)


class TestConnecting:
    def test_without_auth(self, websocket):
        websocket.send("40")
        connected = websocket.recv(SOON)
        assert connected.startswith("40")
        sid = json.loads(connected[2:])
        assert sid.keys() == {"sid"}
        name, greeting = json.loads(websocket.recv(SOON).removeprefix("42"))
        assert (name, greeting["socketId"]) == ("connection_established", sid["sid"])

    def test_with_auth(self, websocket):
        websocket.send('40{"entityId":"9f8e7d6c-5b4a-4c3d-8e2f-1a0b9c8d7e6f"}')
        assert json.loads(websocket.recv(SOON).removeprefix("40")).keys() == {"sid"}
        assert websocket.recv(SOON).startswith('42["authenticated",')

    def test_refused_and_tried_again(self, websocket, configure):
        configure(ACCESS="key", ELIZA_SERVER_AUTH_TOKEN="key")
        websocket.send('40{"apiKey":"wrong"}')
        assert json.loads(websocket.recv(SOON).removeprefix("44")) == {
            "message": "The API key is not valid.",
            "data": {"code": "UNAUTHORIZED"},
        }
        websocket.send('40{"apiKey":"key"}')
        assert websocket.recv(SOON).startswith('40{"sid"')

    def test_elsewhere(self, entered):
        for packet in ("40/random", '40/random,{"apiKey":"key"}'):
            entered.send(packet)
            assert entered.recv(SOON) == '44/random,{"message":"Invalid namespace"}'
        assert_answers(entered)

    def test_with_another_packet(self, dial):
        for packet in ("4abc", "4", "42{}", f"42{LEAVE}", f"42/random,{LEAVE}", b"\x00"):
            websocket = dial()
            assert websocket.recv(SOON).startswith("0")
            websocket.send(packet)
            assert_closed(websocket)


class TestNeverConnecting:
    @pytest.fixture
    def soon(self, monkeypatch):
        monkeypatch.setattr(connections, "CONNECT_TIMEOUT", 2)

    def test_by_polling(self, soon, polling):
        polling.open()
        assert polling.poll() == CLOSE
        assert polling.is_over()

    def test_by_websocket_beside_one_that_did(self, entered, soon, dial):
        idle = dial()
        assert idle.recv(SOON).startswith("0")
        assert_closed(idle)
        assert_answers(entered)


class TestLeaving:
    def test_and_coming_back(self, entered):
        entered.send("41")
        entered.send("40")
        assert entered.recv(SOON).startswith('40{"sid"')

    def test_hears_nothing_more(self, entered):
        entered.send("41")
        entered.send(f"421{LEAVE}")
        assert_closed(entered)


class TestAcknowledgements:
    def test_where_asked_for(self, entered):
        entered.send(f"42{LEAVE}")
        entered.send(f"42456{LEAVE}")
        acknowledged = entered.recv(SOON)
        assert acknowledged.startswith("43456[")
        (answer,) = json.loads(acknowledged.removeprefix("43456"))
        assert answer["roomId"] == json.loads(LEAVE)[1]["roomId"]

    def test_of_what_went_wrong(self, entered):
        entered.send('427["join"]')
        name, told = json.loads(entered.recv(SOON).removeprefix("42"))
        assert name == "messageError"
        assert json.loads(entered.recv(SOON).removeprefix("437")) == [told]

    def test_of_what_was_never_sent(self, entered):
        entered.send("43999[]")
        assert_answers(entered)
