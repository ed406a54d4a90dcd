"""Listening to a backend on behalf of the holder of a reply.

The backend speaks on a thread of its own, so that the holder can keep the lease, notice
that nobody wants the reply any more, and enforce the time limits while the backend is
silent. What it says is stored in batches, as it comes.
"""

import math
import time
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Thread

from django.db import connection, connections

from django_eliza_sessions.backends import AgentReply, ReplyRequest, Turn, backends
from django_eliza_sessions.conf import conf
from django_eliza_sessions.content import check_text
from django_eliza_sessions.exceptions import InvalidContentError
from django_eliza_sessions.models import Reply
from django_eliza_sessions.models.reading import said_before
from django_eliza_sessions.services.holding import add_chunk, keep_reply

#: Seconds between looks at whether the reply is still wanted: a stop takes this long.
TICK = 0.25
#: Seconds for which a connection that was just used is not lent: getting one back takes
#: longer than some backends do.
BRIEF = 0.01
#: Seconds of speech that go into one chunk.
BATCH = 0.05
#: As large a number as can be stored.
MAX_TOKENS = 2**31 - 1


class BackendError(Exception):
    """The backend took too long, or stopped without a reply; the text says which."""


class StillSpeakingError(Exception):
    """The time to wait is up, and the backend has not finished."""


def lend_connection() -> None:
    """Give a pooled connection back while there is nothing to do with it.

    A backend may be slow, and a pool is small: requests would wait for its slowness.
    """
    if getattr(connection, "pool", None) and not connection.in_atomic_block:
        connection.close()


class Conversation:
    """A backend speaking on its thread, and the holder of the reply listening."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.text = self.pending = ""
        self.pieces: SimpleQueue[str | AgentReply | Exception] = SimpleQueue()
        self.request: ReplyRequest | None = None
        self.started_at = self.kept_at = self.used_at = time.monotonic()
        self.stored_at = -math.inf

    def listen(self, deadline: float) -> AgentReply:
        """Store what the backend says as it says it; return the whole.

        A reply that comes in one piece makes no chunks: its message is all of it.

        Raises:
            StillSpeakingError: The deadline has passed; call again to go on.
            BackendError: It took too long, or stopped without a reply.
            LeaseLostError: The reply is not ours any more.
            Exception: Whatever the backend raises.
        """
        if self.request is None:
            self._begin()
        while True:
            piece = self._next_piece(deadline)
            if not isinstance(piece, str):
                self._store(at_once=True)
            if isinstance(piece, Exception):
                # Wrapped, so that a database error of the backend's is not taken for ours.
                raise BackendError(str(piece)) from piece
            if isinstance(piece, AgentReply):
                return _checked(replace(piece, text=self.text or piece.text))
            check_text(piece, "answer", InvalidContentError)
            self.text += piece
            self.pending += piece
            self._store(at_once=False)
            self._keep()
            if time.monotonic() >= deadline:
                raise StillSpeakingError

    def hang_up(self) -> None:
        """Tell the backend that nobody listens any more."""
        if self.request is not None:
            self.request.cancelled.set()

    def _begin(self) -> None:
        backend = backends[self.reply.session.agent.backend]
        self.request = request = _request(self.reply, backend.history_limit)

        def speak() -> None:
            try:
                for piece in backend.stream(request):
                    self.pieces.put(piece)
                    if isinstance(piece, AgentReply) or request.cancelled.is_set():
                        return
                self.pieces.put(BackendError("The backend stopped without a reply."))
            except BaseException as error:  # noqa: BLE001 - raised where it is awaited
                # Also SystemExit and its like: nobody else would hear of them here.
                self.pieces.put(
                    error if isinstance(error, Exception) else BackendError(repr(error))
                )
            finally:
                connections.close_all()

        Thread(target=speak, name=f"eliza-backend-{self.reply.pk}", daemon=True).start()

    def _next_piece(self, deadline: float) -> str | AgentReply | Exception:
        now = time.monotonic()
        wait = max(0, min(BATCH if self.pending else TICK, deadline - now))
        brief = max(0, min(wait, self.used_at + BRIEF - now))
        with suppress(Empty):
            return self.pieces.get(timeout=brief)
        lend_connection()
        with suppress(Empty):
            return self.pieces.get(timeout=wait - brief)
        return ""

    def _store(self, *, at_once: bool) -> None:
        now = time.monotonic()
        if self.pending and (at_once or now - self.stored_at >= BATCH):
            add_chunk(self.reply, self.pending)
            self.pending, self.stored_at = "", now
            self.used_at = time.monotonic()

    def _keep(self) -> None:
        """Keep the lease, and enforce the limits.

        Raises:
            BackendError: It took too long.
            LeaseLostError: The reply is not ours any more.
        """
        now = time.monotonic()
        if now - self.kept_at < TICK:
            return
        self.kept_at = now
        keep_reply(self.reply)
        self.used_at = time.monotonic()
        took = now - self.started_at
        if not self.text and took > conf.reply_first_chunk_seconds:
            raise BackendError(f"No word for {conf.reply_first_chunk_seconds} seconds.")
        if took > conf.reply_total_seconds:
            raise BackendError(f"No end after {conf.reply_total_seconds} seconds.")


def _request(reply: Reply, history_limit: int) -> ReplyRequest:
    message, session, agent = reply.message, reply.session, reply.session.agent
    return ReplyRequest(
        agent_id=agent.pk,
        agent_name=agent.name,
        session_id=session.pk,
        user_id=session.user_id,
        message_id=message.pk,
        content=message.content,
        metadata=message.metadata,
        attachments=tuple(message.attachments),
        history=tuple(
            Turn(is_agent=is_agent, content=content, is_incomplete=is_incomplete)
            for is_agent, content, is_incomplete in (
                said_before(reply, history_limit) if history_limit else ()
            )
        ),
        options=agent.backend_options,
    )


def _checked(answer: AgentReply) -> AgentReply:
    for text in (answer.text, answer.thought or "", *answer.actions):
        check_text(text, "answer", InvalidContentError)
    for count in (answer.input_tokens, answer.output_tokens):
        if count is not None and not (isinstance(count, int) and 0 <= count <= MAX_TOKENS):
            raise BackendError(
                f"Tokens must be whole numbers from 0 to {MAX_TOKENS}, got {count!r}."
            )
    return answer
