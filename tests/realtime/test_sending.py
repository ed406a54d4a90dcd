"""Sending over a socket is sending over HTTP, with the released server's words."""

import uuid

import pytest
import requests

from django_eliza_sessions.models import Message
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle
from tests.conftest import BASE
from tests.realtime.conftest import SOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def payload(session):
    return {
        "channelId": str(session.pk),
        "senderId": str(session.user_id),
        "message": "Hello",
    }


@pytest.mark.parametrize("is_wrapped", [False, True], ids=["2", "message"])
def test_stores_acknowledges_and_is_broadcast(connect, session, payload, is_wrapped):
    image = {"type": "image", "url": "https://example.com/a.png"}
    payload |= {
        "messageId": "m-1",
        "senderName": "Ada",
        "metadata": {"tags": ["a"]},
        "attachments": [image],
        "messageServerId": str(uuid.UUID(int=0)),
    }
    socket = connect()
    join, send = {"channelId": str(session.pk), "entityId": str(session.user_id)}, payload
    if is_wrapped:
        socket.call("message", {"type": 1, "payload": join})
        ack = socket.call("message", {"type": 2, "payload": send})
    else:
        socket.call("1", join)
        ack = socket.call("2", send)
    message = session.messages.get(is_agent=False)
    assert message.metadata == {"user_display_name": "Ada", "tags": ["a"]}
    assert ack == {
        "clientMessageId": "m-1",
        "messageId": str(message.pk),
        "status": "received_by_server_and_processing",
        "channelId": str(session.pk),
        "roomId": str(session.pk),
    }
    assert socket.wait_for("messageAck") == ack
    broadcast = socket.wait_for("messageBroadcast")
    assert (broadcast["id"], broadcast["senderName"]) == (str(message.pk), "Ada")
    assert broadcast["attachments"] == [image]
    answer = socket.wait_for("messageBroadcast", 2)
    assert (answer["text"], answer["senderName"]) == ("Scripted.", "Eliza")
    socket.wait_for("messageComplete")


def test_again_stores_nothing(connect, session, payload):
    socket = connect()
    first = socket.call("2", payload | {"messageId": "m-1"})
    assert socket.call("2", payload | {"messageId": "m-1"}) == first
    assert session.messages.filter(is_agent=False).count() == 1
    other = socket.call("2", payload | {"messageId": "m-1", "message": "Bye"})
    assert other["code"] == "IDEMPOTENCY_KEY_REUSED"
    socket.join(session, afterSequence=0)
    socket.wait_for("messageComplete")


@pytest.mark.parametrize("first", ["socket", "http"])
def test_again_over_the_other_way_stores_nothing(url, connect, session, payload, first):
    """The released client may name a message in its metadata."""

    def by_socket():
        return connect().call("2", payload | {"messageId": "m-1"})["messageId"]

    def by_http():
        answer = requests.post(
            f"{url}{BASE}/{session.pk}/messages",
            json={"content": "Hello", "metadata": {"messageId": "m-1"}},
            timeout=SOON,
        )
        assert answer.status_code == 201
        return answer.json()["id"]

    ways = [by_socket, by_http] if first == "socket" else [by_http, by_socket]
    assert ways[0]() == ways[1]()
    assert session.messages.filter(is_agent=False).count() == 1
    socket = connect()
    socket.join(session, afterSequence=0)
    socket.wait_for("messageComplete")


def test_keeps_the_order_of_a_client(connect, session, payload):
    socket = connect()
    for number in range(10):
        socket.client.emit("2", payload | {"message": str(number)})
    socket.wait_for("messageAck", 10)
    said = session.messages.filter(is_agent=False).order_by("created_at")
    assert [message.content for message in said] == [str(n) for n in range(10)]
    socket.join(session, afterSequence=0)
    socket.wait_for("messageComplete", 10)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"message": None}, "message must be a string"),
        ({"message": " "}, "message must not be empty"),
        ({"message": "x" * 4001}, "message must have at most 4000"),
        ({"message": "\x00"}, "message must not contain NUL"),
        ({"message": "\ud800"}, "message must not contain NUL characters or lone"),
        ({"metadata": [1]}, "metadata must be an object"),
        ({"attachments": "a"}, "attachments must be a list"),
        ({"senderName": 1}, "senderName must be a string"),
        ({"senderName": "\x00"}, "metadata must not contain NUL"),
        ({"senderId": str(uuid.uuid4())}, "senderId must be the userId of the session"),
        ({"senderId": 1}, "senderId must be a UUID"),
        ({"messageId": 1}, "messageId must have 1 to 218 printable"),
        ({"messageId": ""}, "messageId must have"),
        ({"messageId": "x" * 219}, "messageId must have"),
        ({"channelId": None}, "roomId is required; channelId may stand for it"),
        ({"channelId": "here"}, "channelId must be a UUID"),
    ],
)
def test_refuses(connect, session, payload, change, problem):
    socket = connect()
    answer = socket.call("2", payload | change)
    assert answer["code"] == "VALIDATION_ERROR"
    assert answer["error"].startswith(problem)
    assert socket.wait_for("messageError") == answer
    assert not Message.objects.exists()


def test_where_there_is_no_session(connect, session, payload):
    answer = connect().call("2", payload | {"channelId": str(uuid.uuid4())})
    assert answer["code"] == "SESSION_NOT_FOUND"


def test_after_the_end(connect, session, payload):
    lifecycle.expire_session(principal=SYSTEM, session_id=session.pk)
    assert connect().call("2", payload)["code"] == "SESSION_EXPIRED"
