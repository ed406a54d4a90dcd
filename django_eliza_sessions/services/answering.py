"""Doing the job of a reply: taking it, listening to the backend, and ending it."""

import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from threading import Thread
from uuid import UUID

from django.db import Error, close_old_connections, connections

from django_eliza_sessions.models import Message, Reply
from django_eliza_sessions.services.conversation import (
    Conversation,
    StillSpeakingError,
    lend_connection,
)
from django_eliza_sessions.services.holding import complete_reply, fail_reply, take_reply
from django_eliza_sessions.services.leases import LeaseLostError

logger = logging.getLogger(__name__)

#: Seconds between two tries to take a reply whose turn has yet to come.
INTERVAL = 0.05
#: How many replies one process works on at a time without a task queue.
THREADS = 64


def answer_reply(*, reply_id: UUID) -> Message | None:
    """Take a queued reply and answer it; return the agent's message.

    Doing it twice is harmless: ``None`` when it is not its turn, somebody else has it,
    nobody wants it any more, it was deleted, or the backend failed.
    """
    reply = take_reply(reply_id)
    return None if reply is None else _work(Conversation(reply))


def answer_reply_within(
    *, reply: Reply, is_ours: bool = False, seconds: float
) -> Message | None:
    """Answer a reply as soon as it is its turn, but wait no longer than that.

    When the time is up, the reply goes on without the caller.

    Args:
        reply: Queued when it was read; or ours, with its message, session and agent.
        is_ours: Whether the caller has taken it.
        seconds: To wait.

    Returns:
        The agent's message; ``None`` when there is none, none yet, or somebody else
        answered.
    """
    deadline = time.monotonic() + seconds
    taken = reply if is_ours else take_reply(reply.pk)
    while taken is None:
        try:
            reply.refresh_from_db(fields=["status"])
        except Reply.DoesNotExist:
            return None  # Its session was deleted.
        if reply.is_finished or time.monotonic() >= deadline:
            return None
        lend_connection()
        time.sleep(INTERVAL)
        # Looked at first, because an attempt to take it is a write.
        if Reply.objects.claimable().filter(pk=reply.pk).exists():
            taken = take_reply(reply.pk)
    return _work(Conversation(taken), deadline)


def dispatch_to_thread(reply_id: UUID) -> None:
    """Answer a reply on a thread of this process: the dispatcher without a task queue."""
    _threads().submit(_on_thread, partial(answer_reply, reply_id=reply_id))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="eliza-reply")


def _on_thread(job: Callable[[], object]) -> None:
    close_old_connections()
    try:
        job()
    except Exception:
        logger.exception("A reply could not be answered; a sweep will see")
    finally:
        close_old_connections()


def _finish(conversation: Conversation) -> None:
    _on_thread(partial(_work, conversation))
    connections.close_all()  # The thread ends here, and nobody else could use them.


def _work(conversation: Conversation, deadline: float = math.inf) -> Message | None:
    """See a held reply through to its end, whatever that is."""
    reply = conversation.reply
    try:
        return complete_reply(reply, conversation.listen(deadline))
    except StillSpeakingError:
        # Not in the pool, where it might wait for others until its lease is over.
        name = f"eliza-rest-{reply.pk}"
        Thread(target=_finish, args=[conversation], name=name, daemon=True).start()
        return None
    except LeaseLostError:
        logger.info("Reply %s is not wanted or not ours any more", reply.pk)
    except Error:
        logger.exception("Reply %s could not be stored; a sweep will see", reply.pk)
    except Exception as error:
        # A backend is somebody else's code: whatever it raises, the reply has failed.
        logger.exception("Reply %s failed", reply.pk)
        _fail(reply, error.__cause__ or error)
    conversation.hang_up()
    return None


def _fail(reply: Reply, error: BaseException) -> None:
    try:
        fail_reply(reply, f"{type(error).__name__}: {error}")
    except LeaseLostError:
        logger.info("Reply %s was not ours any more", reply.pk)
    except Error:
        logger.exception("Reply %s could not be stored; a sweep will see", reply.pk)
