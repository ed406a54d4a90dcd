"""What the holder of a reply may do: take it, keep it, tell it, and end it.

Every write is conditional on the holder's fencing number, so one that lost the lease
can change nothing.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import IntegrityError, transaction

from django_eliza_sessions import signals
from django_eliza_sessions.backends import AgentReply
from django_eliza_sessions.conf import conf
from django_eliza_sessions.content import storable
from django_eliza_sessions.exceptions import MessageSendError, SessionExpiredError
from django_eliza_sessions.models import Event, Message, Reply, ReplyChunk, Session
from django_eliza_sessions.models.reply import ReplyQuerySet
from django_eliza_sessions.models.rows import (
    failing_alone,
    fetch_row,
    insert_rows,
    update_row_if,
)
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.announce import announce
from django_eliza_sessions.services.dispatch import dispatch_reply
from django_eliza_sessions.services.transcript import add_to_session, new_message
from django_eliza_sessions.services.transitions import next_event

#: A reply that took this long counts as activity when it ends; sooner, the message that
#: asked for it has just counted.
LONG = timedelta(minutes=1)


class LeaseLostError(Exception):
    """The reply is in other hands or finished, so what we have must not be written."""


def take_reply(reply: Reply) -> bool:
    """Take a queued reply whose turn it is; tell whether it was to be had."""
    now = clock.now()
    free = {"status": Reply.Status.QUEUED, "attempts": reply.attempts}
    held = {
        "status": Reply.Status.RUNNING,
        "attempts": reply.attempts + 1,
        "started_at": now,
        "lease_until": now + timedelta(seconds=conf.reply_lease_seconds),
    }
    try:
        with failing_alone():
            taken = update_row_if(reply, free, held, also=Reply.IN_TURN)
    except IntegrityError:
        return False  # Another one of the session was taken at the same moment.
    if taken and reply.session.is_expired(now):
        _stop_expired(reply)
    return taken and not reply.is_finished


def keep_reply(reply: Reply) -> None:
    """See that a reply is still wanted and held, and extend its lease in time.

    Raises:
        LeaseLostError: It is held no longer, or its session is over.
    """
    now = clock.now()
    expires_at = _held(reply).values_list("session__expires_at", flat=True).first()
    if expires_at is None:
        raise LeaseLostError
    if expires_at <= now:
        _stop_expired(reply)
        raise LeaseLostError
    lease = timedelta(seconds=conf.reply_lease_seconds)
    if reply.lease_until - now < lease / 2:
        _write(reply, lease_until=now + lease)


def _stop_expired(reply: Reply) -> None:
    with suppress(LeaseLostError), transaction.atomic():
        session = _lock_session(reply)
        if session.is_expired(clock.now()):
            cancel_replies(session, SessionExpiredError.code)
            reply.refresh_from_db(fields=["status"])


def add_chunk(reply: Reply, text: str) -> None:
    """Store the next piece of a held reply's text, and extend the lease.

    Raises:
        LeaseLostError: It is held no longer.
    """
    with transaction.atomic():
        index = reply.chunk_count
        lease_until = clock.now() + timedelta(seconds=conf.reply_lease_seconds)
        _write(reply, chunk_count=index + 1, lease_until=lease_until)
        insert_rows([ReplyChunk(reply=reply, index=index, text=text)])
        announce(signals.reply_chunk_added, reply, reply=reply, index=index, text=text)


def complete_reply(reply: Reply, answer: AgentReply) -> Message | None:
    """Store a held reply's answer in the history; a long one counts as activity.

    Returns:
        The agent's message; ``None`` when the session had expired, which cancels it.

    Raises:
        LeaseLostError: It is held no longer.
    """
    with transaction.atomic():
        session = _lock_session(reply)
        now = clock.now()
        if session.is_expired(now):
            stop_reply(reply, session, Reply.Status.CANCELLED, SessionExpiredError.code)
            return None
        _write(
            reply,
            status=Reply.Status.COMPLETE,
            finished_at=now,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
        )
        message = _answer(reply, session, answer.text, answer.metadata())
        rows = list(_rows_of_end(reply, session, now, message))
        took_long = now - session.last_activity_at >= LONG
        add_to_session(
            session.pk, now, rows, is_sign_of_life=took_long and session.auto_renew
        )
        dispatch_next(reply)
    return message


def fail_reply(reply: Reply, error: str) -> None:
    """Give up a held reply for good; text that was streamed already is kept, marked.

    Args:
        reply: As its holder knows it.
        error: Why, for the operator.

    Raises:
        LeaseLostError: It is held no longer.
    """
    with transaction.atomic():
        session = _lock_session(reply)
        stop_reply(
            reply, session, Reply.Status.FAILED, MessageSendError.code, storable(error)
        )
        dispatch_next(reply)


def cancel_replies(session: Session, code: str, *, only: UUID | None = None) -> None:
    """Cancel the unfinished replies of a locked session.

    Their holders notice at their next write.

    Args:
        session: Locked.
        code: What watchers are told.
        only: The one reply to cancel instead of all.
    """
    replies = Reply.objects.unfinished().filter(session=session).order_by("created_at")
    if only is not None:
        replies = replies.filter(pk=only)
    for reply in replies.select_for_update(no_key=True):
        stop_reply(reply, session, Reply.Status.CANCELLED, code)


def stop_reply(
    reply: Reply, session: Session, status: Reply.Status, code: str, error: str = ""
) -> None:
    """End a reply before its time, in its locked session."""
    now = clock.now()
    _write(reply, status=status, finished_at=now, error_code=code, error=error)
    chunks = reply.chunks.order_by("index").values_list("text", flat=True)
    said = "".join(chunks)
    message = _answer(reply, session, said, {"incomplete": True}) if said else None
    # Numbered here; the same number is added in the row, so that both stay the same.
    rows = list(_rows_of_end(reply, session, now, message))
    add_to_session(session.pk, now, rows, is_sign_of_life=False)


def _answer(
    reply: Reply, session: Session, text: str, metadata: dict[str, object]
) -> Message:
    return new_message(
        session.pk,
        id=reply.answer_id,
        author_id=session.agent_id,
        is_agent=True,
        content=text,
        metadata=metadata,
    )


def _rows_of_end(
    reply: Reply, session: Session, now: datetime, message: Message | None
) -> Iterator[Message | Event]:
    """Yield the answer and its event, if there is one, and the event of the end."""
    if message is not None:
        yield message
        yield next_event(session, Event.Kind.MESSAGE, now, message_id=message.pk)
    kind = Event.Kind(f"reply_{reply.status}")
    yield next_event(session, kind, now, reply_id=reply.pk, message_id=reply.answer_id)


def _lock_session(reply: Reply) -> Session:
    """Lock the session of a reply.

    Raises:
        LeaseLostError: It was deleted, and the reply with it.
    """
    session = fetch_row(Session, lock=True, id=reply.session_id)
    if session is None:
        raise LeaseLostError
    return session


def _held(reply: Reply) -> ReplyQuerySet:
    """Return the reply's row, unless it has changed hands or status since we read it."""
    return Reply.objects.filter(pk=reply.pk, status=reply.status, attempts=reply.attempts)


def _write(reply: Reply, **fields: object) -> None:
    """Write a reply's row if it is still ours.

    Raises:
        LeaseLostError: It is not.
    """
    held = {"status": reply.status, "attempts": reply.attempts}
    if not update_row_if(reply, held, fields):
        raise LeaseLostError


def dispatch_next(reply: Reply) -> None:
    """Find somebody for the session's next reply, once this one's end is committed."""
    following = fetch_row(Reply, session=reply.session_id, also=Reply.FIRST_QUEUED)
    if following is not None:
        transaction.on_commit(partial(dispatch_reply, reply_id=following.pk))
