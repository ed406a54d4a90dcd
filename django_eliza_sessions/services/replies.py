"""Answering messages: a reply is a durable job, done by whoever holds its lease."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import cache, partial
from uuid import UUID

from django.db import DatabaseError, connections, transaction
from django.db.models import F
from django.utils.module_loading import import_string

from django_eliza_sessions import signals
from django_eliza_sessions.backends import AgentReply, ReplyRequest, Turn, backends
from django_eliza_sessions.conf import conf
from django_eliza_sessions.content import check_text, storable
from django_eliza_sessions.exceptions import InvalidContentError
from django_eliza_sessions.models import Message, Reply, Session
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.announce import announce
from django_eliza_sessions.services.transcript import MESSAGE_FIELDS, append_message

logger = logging.getLogger(__name__)

#: How long a holder may take before somebody else may try.
LEASE = timedelta(minutes=2)
#: How long the dispatcher may take to find a holder before a sweep asks again.
DISPATCH_GRACE = timedelta(seconds=10)
#: How often a reply is tried whose holders keep dying.
MAX_ATTEMPTS = 3
#: How many replies one process works on at a time without a task queue.
THREADS = 8


class LeaseLostError(Exception):
    """Somebody else holds the reply by now, so what we have must not be written."""


def open_reply(message: Message, now: datetime, *, held: bool) -> Reply:
    """Open the job of answering a message, in the message's own transaction.

    Args:
        held: Whether the caller answers it; otherwise it is dispatched on commit.
    """
    reply = Reply(message=message, created_at=now, lease_until=now + DISPATCH_GRACE)
    if held:
        _take(reply, now)
    else:
        transaction.on_commit(partial(dispatch_reply, reply_id=reply.pk))
    reply.save(force_insert=True)
    return reply


def _take(reply: Reply, now: datetime) -> None:
    reply.status = Reply.Status.RUNNING
    reply.attempts += 1
    reply.started_at = now
    reply.lease_until = now + LEASE


def dispatch_reply(*, reply_id: UUID) -> None:
    """Hand a queued reply to the configured dispatcher.

    A dispatcher that fails loses nothing: the next sweep asks again.
    """
    try:
        import_string(conf.reply_dispatcher)(reply_id)
    except Exception:
        logger.exception("Reply %s could not be dispatched; a sweep will", reply_id)


def dispatch_to_thread(reply_id: UUID) -> None:
    """Answer a reply on a thread of this process: the dispatcher without a task queue."""
    _threads().submit(_answer_on_thread, reply_id)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="eliza-reply")


def _answer_on_thread(reply_id: UUID) -> None:
    try:
        answer_reply(reply_id=reply_id)
    except Exception:
        logger.exception("Reply %s could not be answered; a sweep will see", reply_id)
    finally:
        connections.close_all()


def dispatch_due_replies(*, limit: int = 1000) -> int:
    """Dispatch replies again that nobody holds any more; return how many.

    One that used up its attempts fails instead.
    """
    now = clock.now()
    due = Reply.objects.due(now)[:limit]
    count = 0
    for reply in due:
        if reply.attempts >= MAX_ATTEMPTS:
            fail_reply(reply=reply, error=f"Given up after {MAX_ATTEMPTS} attempts.")
            continue
        # Still due: its holder may have finished late, or another sweep come first.
        claimed = (
            Reply.objects.due(now)
            .filter(pk=reply.pk, attempts=reply.attempts)
            .update(status=Reply.Status.QUEUED, lease_until=now + DISPATCH_GRACE)
        )
        if claimed:
            dispatch_reply(reply_id=reply.pk)
            count += 1
    return count


def answer_reply(*, reply_id: UUID) -> Message | None:
    """Take a reply that nobody holds and answer it; return the agent's message.

    Doing it twice is harmless: ``None`` when somebody else holds or has finished it.
    """
    now = clock.now()
    taken = (
        Reply.objects.claimable(now)
        .filter(pk=reply_id)
        .update(
            status=Reply.Status.RUNNING,
            attempts=F("attempts") + 1,
            started_at=now,
            lease_until=now + LEASE,
        )
    )
    if not taken:
        return None
    reply = Reply.objects.select_related("message__session__agent").get(pk=reply_id)
    return run_reply(reply=reply)


def run_reply(*, reply: Reply) -> Message | None:
    """Have a held reply answered by the agent's backend, outside any transaction.

    Returns:
        The agent's message, or ``None`` when the backend failed or the lease was lost.
    """
    agent = reply.message.session.agent
    try:
        backend = backends[agent.backend]
        answer = backend.reply(_request(reply, backend.history_limit))
        for text in (answer.text, answer.thought or "", *answer.actions):
            check_text(text, "answer", InvalidContentError)
    except Exception as error:
        # A backend is somebody else's code: whatever it raises, the reply has failed.
        logger.exception("Backend %r failed on reply %s", agent.backend, reply.pk)
        fail_reply(reply=reply, error=f"{type(error).__name__}: {error}")
        return None
    try:
        return _complete(reply, answer)
    except LeaseLostError:
        logger.warning("Reply %s was finished by somebody else", reply.pk)
    except DatabaseError:
        logger.exception("Reply %s could not be stored; a sweep will see", reply.pk)
    return None


def _request(reply: Reply, history_limit: int) -> ReplyRequest:
    message = reply.message
    session = message.session
    earlier = session.messages.between(None, message.created_at)
    history = list(earlier.order_by("-created_at")[:history_limit])
    return ReplyRequest(
        agent_id=session.agent_id,
        agent_name=session.agent.name,
        session_id=session.pk,
        user_id=session.user_id,
        message_id=message.pk,
        content=message.content,
        metadata=message.metadata,
        attachments=tuple(message.attachments),
        history=tuple(
            Turn(is_agent=turn.is_agent, content=turn.content) for turn in reversed(history)
        ),
        options=session.agent.backend_options,
    )


@transaction.atomic
def _complete(reply: Reply, answer: AgentReply) -> Message:
    session = Session.objects.select_for_update(no_key=True).get(
        pk=reply.message.session_id
    )
    now = clock.now()
    message = append_message(
        session,
        now,
        author_id=session.agent_id,
        is_agent=True,
        content=answer.text,
        metadata=answer.metadata(),
    )
    session.save(update_fields=MESSAGE_FIELDS)
    if not _finish(reply, status=Reply.Status.COMPLETE, answer=message, finished_at=now):
        raise LeaseLostError
    return message


def fail_reply(*, reply: Reply, error: str) -> None:
    """Give up a reply for good, unless somebody else holds it by now.

    Args:
        error: Why, for the operator.
    """
    with transaction.atomic():
        if _finish(
            reply,
            status=Reply.Status.FAILED,
            error=storable(error),
            finished_at=clock.now(),
        ):
            announce(signals.reply_failed, reply, reply=reply)


def _finish(reply: Reply, **fields: object) -> bool:
    """Write the end of a reply if its fencing number is still ours."""
    for field, value in fields.items():
        setattr(reply, field, value)
    held = Reply.objects.filter(
        pk=reply.pk, status__in=Reply.UNFINISHED, attempts=reply.attempts
    )
    return bool(held.update(**fields))
