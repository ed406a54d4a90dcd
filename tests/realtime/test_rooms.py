"""Who may join, what is heard then, and what ends it."""

import json
import urllib.request
import uuid

import pytest
from django.db import transaction

from django_eliza_sessions.models import Event, Session
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.realtime import rooms
from django_eliza_sessions.services import clock, following, lifecycle, messages
from django_eliza_sessions.services.transcript import add_to_session, new_event, new_message
from tests.services.race import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def send(session, text="Hello"):
    return messages.send_message(principal=SYSTEM, session_id=session.pk, content=text)


def end(session):
    lifecycle.end_session(principal=SYSTEM, session_id=session.pk)


class TestJoining:
    def test_answers_first(self, connect, session):
        socket = connect()
        joined = socket.join(session, afterSequence=0)
        assert joined == {
            "message": f"Joined channel {session.pk}.",
            "channelId": str(session.pk),
            "roomId": str(session.pk),
            "sequence": 1,
        }
        send(session)
        socket.wait_for("messageComplete")
        answers = ["connection_established", "channel_joined", "room_joined"]
        assert socket.names()[:3] == answers
        assert socket.wait_for("channel_joined") == socket.wait_for("room_joined") == joined

    def test_a_stranger_learns_nothing(self, connect, session, configure, monkeypatch):
        configure(ACCESS="key")
        monkeypatch.setattr(
            "django_eliza_sessions.realtime.access.principal_of_user",
            lambda _user: Principal(id="user:2"),
        )
        socket, unknown = connect(), uuid.uuid4()
        refused = socket.join(session)
        assert refused["code"] == "SESSION_NOT_FOUND"
        missing = socket.call("join", {"roomId": str(unknown)})
        assert refused["error"].replace(str(session.pk), str(unknown)) == missing["error"]
        assert refused.keys() == missing.keys() == {"code", "error"}
        send(session)
        lifecycle.renew_session(principal=SYSTEM, session_id=session.pk)
        end(session)
        own = lifecycle.create_session(
            principal=Principal(id="user:2"),
            agent_id=session.agent_id,
            user_id=uuid.uuid4(),
        )
        socket.join(own)
        end(own)
        assert socket.wait_for("sessionEnded")["sessionId"] == str(own.pk)
        assert str(session.user_id) not in str(socket.told)
        assert socket.names().count("sessionRenewed") == 0

    def test_what_is_over(self, connect, session_factory):
        ended, expired = session_factory(), session_factory()
        end(ended)
        lifecycle.expire_session(principal=SYSTEM, session_id=expired.pk)
        socket = connect()
        assert socket.join(ended, afterSequence=0)["code"] == "SESSION_NOT_FOUND"
        assert socket.join(expired, afterSequence=0)["code"] == "SESSION_EXPIRED"

    def test_by_channel_in_upper_case(self, connect, session):
        joined = connect().call("join", {"channelId": str(session.pk).upper()})
        assert joined["roomId"] == str(session.pk)

    def test_after_a_whole_number_with_a_point(self, connect, session):
        """In JSON it is the same number."""
        end_at = store_messages(session, 2)
        socket = connect()
        assert socket.join(session, afterSequence=2.0)["sequence"] == end_at
        socket.wait_for("messageBroadcast")
        assert socket.sequences() == [3]

    def test_without_a_room(self, connect):
        refused = connect().call("join", {})
        assert refused["error"] == "roomId is required; channelId may stand for it"

    @pytest.mark.parametrize("after", [-1, -0.5, True, 1.5, "1", [], {}])
    def test_after_what_is_no_sequence(self, connect, session, after):
        refused = connect().join(session, afterSequence=after)
        assert refused["code"] == "VALIDATION_ERROR"
        assert refused["error"].startswith("afterSequence must be the sequence number")

    def test_too_many(self, connect, session_factory, monkeypatch):
        monkeypatch.setattr(rooms, "MAX_ROOMS", 2)
        socket = connect()
        first, second, third = (session_factory() for _ in range(3))
        assert "sequence" in socket.join(first)
        assert "sequence" in socket.join(second)
        assert "a socket may join 2 rooms" in socket.join(third)["error"]
        assert "sequence" in socket.join(first), "is in it already"
        socket.call("leave", {"roomId": str(first.pk)})
        assert "sequence" in socket.join(third)


class TestHearing:
    def test_only_what_comes(self, connect, session):
        lifecycle.renew_session(principal=SYSTEM, session_id=session.pk)
        send(session)
        wait_until(lambda: session.events.count() == 4, "the reply")
        socket = connect()
        assert socket.join(session)["sequence"] == 4
        end(session)
        socket.wait_for("sessionEnded")
        assert socket.sequences() == [5]

    def test_more_than_the_newest_is_the_newest(self, connect, session):
        socket = connect()
        socket.join(session, afterSequence=10**30)
        end(session)
        socket.wait_for("sessionEnded")
        assert socket.sequences() == [2]

    def test_again_from_somewhere_else(self, connect, session):
        send(session)
        wait_until(lambda: session.events.count() == 4, "the reply")
        socket = connect()
        socket.join(session)
        socket.join(session, afterSequence=2)
        socket.wait_for("messageComplete")
        socket.join(session, afterSequence=3)
        socket.wait_for("messageComplete", 2)
        end(session)
        socket.wait_for("sessionEnded")
        assert socket.sequences() == [3, 4, 4, 5]

    def test_nothing_after_leaving(self, connect, session, session_factory):
        socket, other = connect(), session_factory()
        socket.join(session)
        socket.join(other)
        left = socket.call("leave", {"roomId": str(session.pk)})
        assert left == {"roomId": str(session.pk), "channelId": str(session.pk)}
        assert socket.call("leave", {"roomId": str(session.pk)}) == left
        lifecycle.renew_session(principal=SYSTEM, session_id=session.pk)
        end(session)
        end(other)
        socket.wait_for("sessionEnded")
        assert [p["sessionId"] for _, p in socket.told if "eventId" in p] == [str(other.pk)]
        assert "sessionRenewed" not in socket.names()

    @pytest.mark.parametrize("transport", ["websocket", "polling"])
    def test_catches_up_from_any_cut(self, connect, session, transport):
        """However the connection is cut, what was heard is what is stored."""
        heard, socket = [], connect(transports=[transport])
        socket.join(session)
        for number in range(3):
            send(session, str(number))
        wait_until(lambda: session.events.count() == 10, "the replies")
        socket.wait_for("messageComplete", 3)
        whole = [told for told in socket.told if "eventId" in told[1]]
        for cut in range(1, 11):
            before, after = connect(transports=[transport]), connect()
            before.join(session, afterSequence=1)
            wait_until(lambda: len(before.sequences()) >= cut - 1, "some")  # noqa: B023
            before.client.disconnect()
            after.join(session, afterSequence=cut)
            wait_until(lambda: after.sequences()[-1:] == [10] or cut == 10, "the rest")  # noqa: B023
            heard = [
                t
                for t in before.told
                if t[1].get("sequence", 99) <= cut and "eventId" in t[1]
            ]
            heard += [t for t in after.told if "eventId" in t[1]]
            assert heard == whole


class TestBeingPutOut:
    @pytest.mark.parametrize(
        ("over", "name"),
        [
            (lifecycle.end_session, "sessionEnded"),
            (lifecycle.expire_session, "sessionExpired"),
        ],
        ids=["ended", "expired"],
    )
    def test_when_it_is_over(self, connect, session, over, name):
        socket = connect()
        socket.join(session)
        over(principal=SYSTEM, session_id=session.pk)
        socket.wait_for(name)
        wait_until(lambda: following._lookout._followers == {}, "nobody to follow")

    def test_when_it_is_deleted(self, connect, session):
        socket = connect()
        socket.join(session)
        Session.objects.all().delete()
        wait_until(lambda: following._lookout._followers == {}, "nobody to follow")
        assert socket.join(session)["code"] == "SESSION_NOT_FOUND"


def test_one_that_does_not_read_is_let_go(connect, url, session, monkeypatch):
    """Nobody waits for it, and its client can go on where it stopped."""
    monkeypatch.setattr(rooms, "MAX_UNREAD", 20)
    monkeypatch.setattr(rooms, "PATIENCE", 0.1)
    other = connect()
    other.join(session)
    # It sends, and then never polls for what it is told.
    address = f"{url}/socket.io/?EIO=4&transport=polling"
    with urllib.request.urlopen(address) as response:
        address += "&sid=" + json.loads(response.read()[1:])["sid"]
    for packet in ("40", "42" + json.dumps(["join", {"roomId": str(session.pk)}])):
        urllib.request.urlopen(address, packet.encode()).close()
    assert len(following._lookout._followers[session.pk]) == 2
    for burst in range(1, 6):
        store_messages(session, 5)
        other.wait_for("messageBroadcast", burst * 5)
    wait_until(lambda: len(following._lookout._followers[session.pk]) == 1, "its leaving")
    again = connect()
    again.join(session, afterSequence=15)
    again.wait_for("messageBroadcast", 11)
    assert again.sequences() == list(range(16, 27))


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_one_that_missed_much_is_told_as_it_reads(connect, session, monkeypatch, transport):
    monkeypatch.setattr(rooms, "MAX_UNREAD", 5)
    store_messages(session, 200)
    socket = connect(transports=[transport])
    socket.join(session, afterSequence=0)
    socket.wait_for("messageBroadcast", 200)
    assert socket.sequences() == list(range(2, 202))


def store_messages(session, count):
    """Store messages that nobody answers; return the last event's sequence number."""
    with transaction.atomic():
        Session.objects.select_for_update().get(pk=session.pk)
        for _ in range(count):
            now = clock.now()
            message = new_message(
                session.pk, author_id=session.user_id, is_agent=False, content="Hello"
            )
            event = new_event(session.pk, Event.Kind.MESSAGE, now, message_id=message.pk)
            add_to_session(session.pk, now, [message, event], is_sign_of_life=False)
        return event.sequence
