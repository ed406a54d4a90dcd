"""The npm client, as pages use it: both protocols, every transport, cut off in between."""

import json
import subprocess
from pathlib import Path

import pytest

from tests import npm

HERE = Path(__file__).parent
KEY = "client's key"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="session")
def node():
    return npm.install(HERE, "socket.io-client")


@pytest.fixture
def converse(node, url, session, configure):
    configure(ACCESS="key", ELIZA_SERVER_AUTH_TOKEN=KEY)

    def converse(protocol, *transports, key=KEY):
        finished = subprocess.run(
            [
                *(node, HERE / "conversation.mjs", url, key, str(session.pk)),
                *(str(session.user_id), protocol, *transports),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return json.loads(finished.stdout)

    return converse


@pytest.mark.parametrize("protocol", ["documented", "released"])
@pytest.mark.parametrize(
    "transports",
    [["websocket"], ["polling"], ["polling", "websocket"]],
    ids=["websocket", "polling", "upgraded"],
)
def test_hears_everything_once_and_in_order(converse, protocol, transports):
    told = converse(protocol, *transports)
    lasting = [
        (name, payload["sequence"]) for name, payload in told if "eventId" in payload
    ]
    message, answer, end = "messageBroadcast", "messageBroadcast", "messageComplete"
    names = [message, answer, end, message, answer, end, "sessionEnded"]
    assert lasting == list(zip(names, range(2, 9), strict=True))
    names = [name for name, _ in told]
    assert names[:4] == [
        "authenticated",
        "connection_established",
        "channel_joined",
        "room_joined",
    ]
    assert names.count("room_joined") == 2
    assert names.count("messageAck") == (protocol == "released")


def test_is_told_why_it_cannot_connect(converse):
    ((name, error),) = converse("documented", "websocket", key="wrong")
    assert name == "connect_error"
    assert error == {"message": "The API key is not valid.", "code": "UNAUTHORIZED"}


def test_the_lock_file_names_no_registry():
    lock = json.loads((HERE / "package-lock.json").read_text())
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]
    assert lock["packages"]["node_modules/socket.io-client"]["version"] == "4.8.3"
