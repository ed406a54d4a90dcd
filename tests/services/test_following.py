"""Following sessions: everything, in order, nothing twice, wherever one starts."""

import threading

import pytest
from django.db import connection, transaction

from django_eliza_sessions.backends import AgentReply
from django_eliza_sessions.models import Event, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import following
from django_eliza_sessions.services.following import follow_session, unfollow
from django_eliza_sessions.services.holding import complete_reply, take_reply
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.messages import send_message
from tests.services.race import together, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("handed_out", "asked_for"),
]


@pytest.fixture
def follow():
    """Follow a session; returns the list that what is heard will fill."""
    followers = []

    def start(session, after=0, heard=None):
        heard = [] if heard is None else heard
        followers.append(
            follow_session(session_id=session.pk, after=after, deliver=heard.append)
        )
        return heard

    yield start
    for follower in followers:
        unfollow(follower)
    assert following._lookout._followers == {}
    wait_until(
        lambda: "eliza-follower" not in {thread.name for thread in threading.enumerate()},
        "the lookout to end",
    )


def send(session):
    sent = send_message(principal=SYSTEM, session_id=session.pk, content="Hello")
    return sent.message


def converse(session):
    """Have a message answered: three events after the one of the creation."""
    send(session)
    complete_reply(take_reply(session.replies.get().pk), AgentReply(text="Hi."))


def numbers(heard):
    return [occurrence.event.sequence for occurrence in heard]


def wait_for(heard, count):
    wait_until(lambda: len(heard) >= count, f"{count} events, had {heard}")


@pytest.mark.parametrize("after", range(6))
def test_tells_what_was_missed(session, follow, after):
    converse(session)
    end_session(principal=SYSTEM, session_id=session.pk)

    heard = follow(session, after)

    wait_for(heard, 5 - after)
    assert numbers(heard) == [*range(after + 1, 6)]


def test_tells_what_happens(session, follow):
    heard = follow(session, after=1)
    for count in range(1, 10):
        message = send(session)
        wait_for(heard, count)
        assert heard[-1].message == message
        assert heard[-1].event.session == session

    assert numbers(heard) == [*range(2, 11)]


def test_misses_nothing_while_many_write_and_join(session, follow):
    early = follow(session)
    late = []

    def join():
        late.extend((after, follow(session, after)) for after in range(8))

    together([*(lambda: [send(session) for _ in range(5)] for _ in "abcd"), join])

    for after, heard in [(0, early), *late]:
        wait_for(heard, 21 - after)
        assert numbers(heard) == [*range(after + 1, 22)]


def test_tells_sessions_apart(session_factory, follow):
    sessions = [session_factory() for _ in range(5)]
    heard = [follow(session) for session in sessions]
    for session in sessions:
        send(session)

    for session, each in zip(sessions, heard, strict=True):
        wait_for(each, 2)
        assert {occurrence.event.session for occurrence in each} == {session}
        assert numbers(each) == [1, 2]


def test_goes_on_after_more_than_a_batch(session, follow, monkeypatch):
    monkeypatch.setattr(following, "TURN", 3)
    for _ in range(9):
        send(session)

    heard = follow(session)

    wait_for(heard, 10)
    assert numbers(heard) == [*range(1, 11)]


def test_goes_on_after_what_was_pruned(session, follow):
    send(session)
    Event.objects.all().delete()
    heard = follow(session)
    other = follow(session, after=1)
    send(session)

    wait_for(heard, 1)
    wait_for(other, 1)
    assert numbers(heard) == numbers(other) == [3]


def test_says_when_the_session_is_deleted(session, follow):
    heard = follow(session, after=1)
    Session.objects.all().delete()

    wait_for(heard, 1)
    assert heard == [None]


def test_tells_the_others_when_one_fails(session, follow, caplog):
    class Broken(list):
        def append(self, _item):
            raise ValueError("boom")

    broken = follow(session, heard=Broken())
    heard = follow(session)
    wait_for(heard, 1)
    send(session)

    wait_for(heard, 2)
    assert broken == []
    assert caplog.text.count("was lost") == 1


def test_tells_nothing_after_unfollowing(session, follow):
    heard = []
    follower = follow_session(session_id=session.pk, after=0, deliver=heard.append)
    wait_for(heard, 1)
    unfollow(follower)
    unfollow(follower)
    others = follow(session)
    send(session)

    wait_for(others, 2)
    assert numbers(heard) == [1]


def test_gives_everybody_a_turn(session_factory, follow, monkeypatch):
    """One that catches up with a long past keeps nobody waiting."""
    monkeypatch.setattr(following, "TURN", 1)
    busy, other = session_factory(), session_factory()
    for _ in range(30):
        send(busy)
    heard = follow(busy)
    heard_of_other = follow(other, after=1)

    class Sending(list):
        def append(self, item):
            super().append(item)
            if len(self) == 2:
                send(other)

    late = follow(busy, heard=Sending())
    wait_for(heard_of_other, 1)
    assert len(late) < 31
    wait_for(late, 31)
    wait_for(heard, 31)
    assert numbers(late) == numbers(heard) == [*range(1, 32)]


@pytest.mark.postgresql
def test_finds_an_event_that_becomes_visible_late(session_factory, follow):
    """Ids are given before the commit, so a lower one can come after a higher one."""
    slow, quick = session_factory(), session_factory()
    heard, other = follow(slow, after=1), follow(quick, after=1)

    with transaction.atomic():
        send(slow)
        together([lambda: send(quick)])
        wait_for(other, 1)

    wait_for(heard, 1)
    assert numbers(heard) == [2]


def test_survives_a_database_that_fails(session, follow, monkeypatch, caplog):
    monkeypatch.setattr(following, "RETRY", 0.01)
    heard = follow(session)
    wait_for(heard, 1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_eliza_sessions_event RENAME TO hidden")
    wait_until(lambda: "could not be read" in caplog.text, "the failure")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE hidden RENAME TO django_eliza_sessions_event")
    send(session)

    wait_for(heard, 2)
    assert numbers(heard) == [1, 2]
