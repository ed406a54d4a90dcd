"""Rates over sockets."""

import pytest

from tests.realtime.conftest import SOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("counted", ["caller", "address", "user", "session"])
def test_one_message_too_many(connect, session, configure, counted):
    configure(MESSAGE_LIMITS={counted: "2/12 months"})
    payload = {"channelId": str(session.pk), "message": "Hello"}
    socket = connect()
    acks = [socket.call("2", payload) for _ in range(3)]
    assert ["code" in ack for ack in acks] == [False, False, True]
    assert acks[2] == socket.wait_for("messageError")
    assert acks[2]["code"] == "RATE_LIMIT_EXCEEDED"
    assert 0 < acks[2]["retryAfter"] <= 12 * 30 * 24 * 60 * 60
    assert session.messages.filter(is_agent=False).count() == 2


def test_counts_with_http(connect, api, session, configure):
    configure(MESSAGE_LIMITS={"session": "1/12 months"})
    assert api.post(f"/{session.pk}/messages", {"content": "Hello"}).status_code == 201
    ack = connect().call("2", {"channelId": str(session.pk), "message": "Hello"})
    assert ack["code"] == "RATE_LIMIT_EXCEEDED"


@pytest.mark.parametrize("is_believed", [True, False])
def test_an_address_behind_a_proxy(connect, session, configure, is_believed):
    # The server itself believes 127.0.0.1, and says that the client is the last one.
    trusted = ["192.0.2.0/24"] if is_believed else []
    configure(MESSAGE_LIMITS={"address": "1/12 months"}, TRUSTED_PROXIES=trusted)
    codes = [
        connect(headers={"X-Forwarded-For": f"{client}, 192.0.2.1"})
        .client.call("2", {"channelId": str(session.pk), "message": "Hi"}, timeout=SOON)
        .get("code")
        for client in ("198.51.100.1", "198.51.100.2")
    ]
    assert codes == [None, None if is_believed else "RATE_LIMIT_EXCEEDED"]
