"""Watching replies: nothing missing, nothing doubled, wherever one starts."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.db import connection, connections

from django_eliza_sessions.backends import AgentReply
from django_eliza_sessions.models import Reply
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import watching
from django_eliza_sessions.services.holding import (
    add_chunk,
    complete_reply,
    fail_reply,
    take_reply,
)
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.watching import (
    Chunk,
    Finished,
    watch_reply,
    watch_reply_async,
)
from tests.services.race import meanwhile, together, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("handed_out", "nobody_left"),
]
HELLO = AgentReply(text="Hello.")


@pytest.fixture
def nobody_left():
    """The thread that looks ends when nobody watches any more."""
    yield
    assert watching._lookout._watchers == set()
    wait_until(
        lambda: "eliza-lookout" not in {thread.name for thread in threading.enumerate()},
        "the lookout to end",
    )


@pytest.fixture
def reply(session):
    """A reply in our hands."""
    return take(session)


def take(session):
    sent = send_message(principal=SYSTEM, session_id=session.pk, content="Hi")
    return take_reply(sent.reply.pk)


def plain(progress):
    match progress:
        case Chunk(index=index, text=text):
            return index, text
        case Finished(reply=reply, answer=answer):
            return reply.status, answer and answer.content
        case None:
            return None


def watch(reply, seen=0):
    return [plain(news) for news in watch_reply(reply_id=reply.pk, seen=seen)]


async def watch_async(reply, seen=0):
    news = watch_reply_async(reply_id=reply.pk, seen=seen)
    return [plain(progress) async for progress in news]


class TestFinished:
    @pytest.mark.parametrize("seen", range(5))
    def test_is_told_from_any_place(self, reply, seen):
        for text in "abc":
            add_chunk(reply, text)
        complete_reply(reply, AgentReply(text="abc"))

        rest = [*[(0, "a"), (1, "b"), (2, "c")][seen:], ("complete", "abc")]
        assert watch(reply, seen) == rest
        assert asyncio.run(watch_async(reply, seen)) == rest

    def test_in_one_piece(self, reply):
        complete_reply(reply, HELLO)
        assert watch(reply) == [("complete", "Hello.")]

    def test_failed(self, reply):
        add_chunk(reply, "Hel")
        fail_reply(reply, "no tokens")
        assert watch(reply) == [(0, "Hel"), ("failed", "Hel")]

    def test_cancelled_with_its_session(self, session, reply):
        end_session(principal=SYSTEM, session_id=session.pk)
        assert watch(reply) == [("cancelled", None)]


class TestRunning:
    def test_is_told_as_it_comes(self, reply):
        news = watch_reply(reply_id=reply.pk)
        for index, text in enumerate("abc"):
            add_chunk(reply, text)
            assert plain(next(news)) == (index, text)
        complete_reply(reply, AgentReply(text="abc"))
        assert [plain(progress) for progress in news] == [("complete", "abc")]

    def test_is_told_as_it_comes_to_an_event_loop(self, reply):
        async def follow():
            news = watch_reply_async(reply_id=reply.pk)
            heard = []
            for text in "abc":
                await asyncio.to_thread(in_thread, add_chunk, reply, text)
                heard.append(plain(await anext(news)))
            await asyncio.to_thread(in_thread, complete_reply, reply, HELLO)
            return heard + [plain(progress) async for progress in news]

        expected = [(0, "a"), (1, "b"), (2, "c"), ("complete", "Hello.")]
        assert asyncio.run(follow()) == expected

    def test_is_told_from_its_queue_on(self, session, reply):
        queued = send_message(principal=SYSTEM, session_id=session.pk, content="2").reply
        with meanwhile(lambda: watch(queued)) as watcher:
            complete_reply(reply, HELLO)
            complete_reply(take_reply(queued.pk), AgentReply(text="Two."))
            assert watcher.result(20) == [("complete", "Two.")]

    def test_silence_is_told(self, reply, monkeypatch):
        monkeypatch.setattr(watching, "SILENCE", 0.05)
        news = watch_reply(reply_id=reply.pk)
        assert [next(news), next(news)] == [None, None]
        complete_reply(reply, HELLO)
        assert plain([*news][-1]) == ("complete", "Hello.")

    def test_silence_is_told_to_an_event_loop(self, reply, monkeypatch):
        monkeypatch.setattr(watching, "SILENCE", 0.05)

        async def follow():
            news = watch_reply_async(reply_id=reply.pk)
            heard = [await anext(news), await anext(news)]
            await news.aclose()
            return heard

        assert asyncio.run(follow()) == [None, None]


def in_thread(function, *arguments):
    try:
        function(*arguments)
    finally:
        connections.close_all()


def test_forty_watchers_from_everywhere_while_it_is_told(reply):
    """Each hears every chunk from its place on, once, in order, and then the end."""
    texts = [f"<{i}>" for i in range(30)]

    def tell():
        for text in texts:
            add_chunk(reply, text)
        complete_reply(reply, AgentReply(text="".join(texts)))

    *watched, _ = together(
        [
            *(lambda seen=seen: watch(reply, seen) for seen in range(20)),
            *(
                lambda seen=seen: asyncio.run(watch_async(reply, seen))
                for seen in range(20)
            ),
            tell,
        ]
    )

    whole = [*enumerate(texts), ("complete", "".join(texts))]
    assert watched == [whole[seen:] for seen in range(20)] * 2


def test_many_replies_at_once(session_factory):
    replies = [take(session_factory()) for _ in range(8)]

    def tell():
        for index in range(10):
            for number, reply in enumerate(replies):
                add_chunk(reply, f"{number}.{index} ")
        for reply in replies:
            complete_reply(reply, HELLO)

    *watched, _ = together([*(lambda reply=r: watch(reply) for r in replies), tell])

    assert watched == [
        [*((index, f"{number}.{index} ") for index in range(10)), ("complete", "Hello.")]
        for number in range(8)
    ]


def test_costs_the_same_for_many_watchers(reply, django_assert_num_queries):
    add_chunk(reply, "Hel")
    watchers = [
        watching._Watcher(reply.pk, seen, lambda _progress: None) for seen in (0, 0, 0, 1)
    ]
    # The replies and the chunks; answers only once there are any.
    with django_assert_num_queries(2):
        watching._deliver_news(watchers)
    with django_assert_num_queries(1):
        watching._deliver_news(watchers)


def test_watcher_that_stops_is_forgotten(reply):
    add_chunk(reply, "Hel")
    news = watch_reply(reply_id=reply.pk)
    assert plain(next(news)) == (0, "Hel")
    news.close()
    assert watching._lookout._watchers == set()


def test_watchers_come_and_go(reply):
    """Starting and ending the thread that looks leaves nobody waiting."""
    add_chunk(reply, "Hel")

    def hop():
        for _ in range(50):
            news = watch_reply(reply_id=reply.pk)
            assert plain(next(news)) == (0, "Hel")
            news.close()

    assert together([hop] * 8) == [None] * 8


def test_watcher_whose_loop_is_gone_harms_nobody(reply, caplog):
    def gone(_progress):
        raise RuntimeError("Event loop is closed")

    deaf = watching._Watcher(reply.pk, 0, gone)
    watching._lookout.add(deaf)
    try:
        with meanwhile(lambda: watch(reply)) as watcher:
            add_chunk(reply, "Hel")
            complete_reply(reply, HELLO)
            assert watcher.result(20) == [(0, "Hel"), ("complete", "Hello.")]
    finally:
        watching._lookout.remove(deaf)


def test_trouble_with_the_database_passes(reply, caplog, monkeypatch):
    deliver, failures = watching._deliver_news, iter([True, True])

    def stumble(watchers):
        if next(failures, False):
            raise RuntimeError("connection lost")
        deliver(watchers)

    monkeypatch.setattr(watching, "_deliver_news", stumble)
    monkeypatch.setattr(watching, "RETRY", 0)
    complete_reply(reply, HELLO)

    assert watch(reply) == [("complete", "Hello.")]
    assert "trying again" in caplog.text


def test_reply_that_was_deleted_ends(session, reply):
    with meanwhile(lambda: watch(reply)) as watcher:
        wait_until(lambda: watching._lookout._watchers, "the watcher")
        session.delete()
        assert watcher.result(20) == []
    assert not Reply.objects.exists()


ELSEWHERE = """
import sys, uuid, django
django.setup()
from django_eliza_sessions.services.watching import Chunk, watch_reply
for news in watch_reply(reply_id=uuid.UUID(sys.argv[1]), seen=int(sys.argv[2])):
    print(news.text if isinstance(news, Chunk) else news.answer.content, flush=True)
"""


def test_from_another_process(reply):
    add_chunk(reply, "zero")
    add_chunk(reply, "one")
    with subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE, str(reply.pk), "1"],
        cwd=Path(__file__).parents[2],
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_url()},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "one\n"
        add_chunk(reply, "two")
        assert process.stdout.readline() == "two\n"
        complete_reply(reply, HELLO)
        assert process.stdout.read() == "Hello.\n"
    assert process.returncode == 0


def database_url():
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    login = f"{database['USER']}:{database['PASSWORD']}"
    return f"postgres://{login}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
