"""Watching replies: whoever answers them, anybody may follow along.

One thread per process looks at all watched replies at once and hands what is new to
each watcher, so that many watchers cost as little as one. It reads only the database,
which is why a watcher can follow a reply that another process answers.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from uuid import UUID

from django.db import connections

from django_eliza_sessions.models import Message, Reply, ReplyChunk

logger = logging.getLogger(__name__)

#: Seconds between two looks.
INTERVAL = 0.025
#: Seconds before looking again when the database did not answer.
RETRY = 1.0
#: Seconds of silence after which a watcher is told that nothing has happened.
SILENCE = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a reply's text."""

    reply: Reply
    index: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of a reply.

    Attributes:
        answer: The agent's message: whole when the reply is complete, partial or
            ``None`` otherwise.
    """

    reply: Reply
    answer: Message | None


Progress = Chunk | Finished


@dataclass(slots=True, eq=False)
class _Watcher:
    reply_id: UUID
    seen: int
    #: Takes what happens; ``None`` when the reply was deleted.
    deliver: Callable[[Progress | None], object]
    done: bool = False

    def end(self, progress: Finished | None) -> None:
        self.done = True
        self.hear(progress)

    def hear(self, progress: Progress | None) -> None:
        try:
            self.deliver(progress)
        except RuntimeError:  # Its event loop is closed: nobody listens any more.
            self.done = True


class _Lookout:
    """The thread that looks, while anybody watches."""

    def __init__(self) -> None:
        self._watchers: set[_Watcher] = set()
        self._changed = Condition()
        self._thread: Thread | None = None

    def add(self, watcher: _Watcher) -> None:
        with self._changed:
            self._watchers.add(watcher)
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._look, name="eliza-lookout", daemon=True)
                self._thread.start()
            self._changed.notify()

    def remove(self, watcher: _Watcher) -> None:
        with self._changed:
            self._watchers.discard(watcher)

    def _look(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait(INTERVAL)
                    self._watchers = {w for w in self._watchers if not w.done}
                    if not self._watchers:
                        self._thread = None
                        return
                    watchers = list(self._watchers)
                try:
                    _deliver_news(watchers)
                except Exception:
                    logger.exception("Watched replies could not be read; trying again")
                    connections.close_all()
                    time.sleep(RETRY)
        finally:
            connections.close_all()


_lookout = _Lookout()


def _deliver_news(watchers: list[_Watcher]) -> None:
    replies = Reply.objects.in_bulk({watcher.reply_id for watcher in watchers})
    for watcher in watchers:
        if watcher.reply_id not in replies:
            watcher.end(None)
    news = [
        (watcher, reply)
        for watcher in watchers
        if (reply := replies.get(watcher.reply_id)) is not None
        and (reply.is_finished or reply.chunk_count > watcher.seen)
    ]
    if not news:
        return
    chunks = _read_chunks(news)
    answers = Message.objects.in_bulk(
        {reply.answer_id for _, reply in news if reply.is_finished}
    )
    for watcher, reply in news:
        for chunk in chunks.get(reply.pk, []):
            if chunk.index >= watcher.seen:
                watcher.hear(Chunk(reply=reply, index=chunk.index, text=chunk.text))
                watcher.seen = chunk.index + 1
        if reply.is_finished:
            watcher.end(Finished(reply=reply, answer=answers.get(reply.answer_id)))


def _read_chunks(news: list[tuple[_Watcher, Reply]]) -> dict[UUID, list[ReplyChunk]]:
    chunks: dict[UUID, list[ReplyChunk]] = {}
    for chunk in ReplyChunk.objects.filter(
        reply__in={reply for _, reply in news},
        index__gte=min(watcher.seen for watcher, _ in news),
    ).order_by("index"):
        chunks.setdefault(chunk.reply_id, []).append(chunk)
    return chunks


def watch_reply(*, reply_id: UUID, seen: int = 0) -> Iterator[Progress | None]:
    """Yield what happens to a reply until it is finished, for threads.

    Args:
        reply_id: Which one.
        seen: How many chunks are known already.

    Yields:
        Each chunk, then the end; ``None`` after every 15 seconds of silence. It stops
        without an end when the reply was deleted.
    """
    news: SimpleQueue[Progress | None] = SimpleQueue()
    with _watching(_Watcher(reply_id, seen, news.put)):
        while True:
            try:
                progress = news.get(timeout=SILENCE)
            except Empty:
                yield None
                continue
            if progress is not None:
                yield progress
            if _is_last(progress):
                return


async def watch_reply_async(
    *, reply_id: UUID, seen: int = 0
) -> AsyncIterator[Progress | None]:
    """Yield what ``watch_reply`` yields, for event loops."""
    news: asyncio.Queue[Progress | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def deliver(item: Progress | None) -> None:
        loop.call_soon_threadsafe(news.put_nowait, item)

    with _watching(_Watcher(reply_id, seen, deliver)):
        while True:
            try:
                progress = await asyncio.wait_for(news.get(), SILENCE)
            except TimeoutError:
                yield None
                continue
            if progress is not None:
                yield progress
            if _is_last(progress):
                return


@contextmanager
def _watching(watcher: _Watcher) -> Iterator[None]:
    _lookout.add(watcher)
    try:
        yield
    finally:
        _lookout.remove(watcher)


def _is_last(progress: Progress | None) -> bool:
    """Tell whether a watcher hears nothing more: of a deleted reply it heard ``None``."""
    return progress is None or isinstance(progress, Finished)
