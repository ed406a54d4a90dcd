"""What the holder of a reply may do: take it, keep it, tell it, and end it."""

from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from django_eliza_sessions import signals
from django_eliza_sessions.backends import AgentReply, backends
from django_eliza_sessions.content import storable
from django_eliza_sessions.exceptions import MessageSendError, SessionExpiredError
from django_eliza_sessions.models import Message, Reply, ReplyChunk, Session
from django_eliza_sessions.models.rows import failing_alone, fetch_row, insert_rows
from django_eliza_sessions.models.taking import take_if_in_turn
from django_eliza_sessions.models.together import Change
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.announce import announce
from django_eliza_sessions.services.finishing import (
    cancel_replies,
    dispatch_next,
    new_answer,
    rows_of_end,
    stop_reply,
)
from django_eliza_sessions.services.leases import (
    LeaseLostError,
    held,
    lease_from,
    write_held,
)
from django_eliza_sessions.services.transcript import add_to_session

#: A reply that took this long counts as activity when it ends; sooner, the message that
#: asked for it has just counted.
LONG = timedelta(minutes=1)


def take_reply(reply_id: UUID) -> Reply | None:
    """Take a queued reply whose turn it is.

    Returns:
        It with its message, its session and the agent; ``None`` if it was not to be had:
        it is not its turn, somebody else has it, nobody wants it any more, or it was
        deleted.
    """
    now = clock.now()
    try:
        with failing_alone():
            reply = take_if_in_turn(
                reply_id, now, lease_from(now), backends.history_limits()
            )
    except IntegrityError:
        return None  # Another one of the session was taken at the same moment.
    if reply is None:
        return None
    if reply.session.is_expired(now):
        _stop_expired(reply)
    return None if reply.is_finished else reply


def keep_reply(reply: Reply) -> None:
    """See that a reply is still wanted and held, and extend its lease in time.

    Raises:
        LeaseLostError: It is held no longer, or its session is over.
    """
    now = clock.now()
    expires_at = held(reply).values_list("session__expires_at", flat=True).first()
    if expires_at is None:
        raise LeaseLostError
    if expires_at <= now:
        _stop_expired(reply)
        raise LeaseLostError
    renewed = lease_from(now)
    if reply.lease_until - now < (renewed - now) / 2:
        write_held(reply, lease_until=renewed)


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
        lease_until = lease_from(clock.now())
        write_held(reply, chunk_count=index + 1, lease_until=lease_until)
        insert_rows([ReplyChunk(reply=reply, index=index, text=text)])
        announce(signals.reply_chunk_added, reply, reply=reply, index=index, text=text)


def complete_reply(reply: Reply, answer: AgentReply) -> Message | None:
    """Store a held reply's answer in the history; a long one counts as activity.

    Returns:
        The agent's message; ``None`` when the session had expired, which cancels it.

    Raises:
        LeaseLostError: It is held no longer.
    """
    message = _complete_if_free(reply, answer)
    if message is not None:
        return message  # And there is no next one to find somebody for.
    with transaction.atomic():
        message = _complete_in_turn(reply, answer)
        if message is not None:
            dispatch_next(reply)
    return message


def _complete_if_free(reply: Reply, answer: AgentReply) -> Message | None:
    """Store an answer, unless there is something to wait for, to look at, or to say.

    Returns:
        ``None`` where nothing was stored, and then it is ``_complete_in_turn`` that can.
    """
    now = clock.now()
    # What was read may be old by now, but activity only ever gets later.
    may_be_long = now - reply.session.last_activity_at >= LONG
    if may_be_long or not connection.features.has_select_for_update_skip_locked:
        return None
    with failing_alone():
        return _complete(reply, answer, now, is_sign_of_life=False, caller=SYSTEM)


def _complete_in_turn(reply: Reply, answer: AgentReply) -> Message | None:
    session = _lock_session(reply)
    now = clock.now()
    if session.is_expired(now):
        stop_reply(reply, session, Reply.Status.CANCELLED, SessionExpiredError.code)
        return None
    is_long = now - session.last_activity_at >= LONG
    message = _complete(reply, answer, now, is_sign_of_life=is_long and session.auto_renew)
    if message is None:
        raise LeaseLostError
    return message


def _complete(
    reply: Reply,
    answer: AgentReply,
    now: datetime,
    *,
    is_sign_of_life: bool,
    caller: Principal | None = None,
) -> Message | None:
    """Store an answer with the end of its reply, if that and its session let it."""
    complete = {
        "status": Reply.Status.COMPLETE,
        "finished_at": now,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
    }
    message = new_answer(reply, answer.text, answer.metadata())
    session = add_to_session(
        reply.session_id,
        now,
        rows_of_end(reply, Reply.Status.COMPLETE, now, message),
        is_sign_of_life=is_sign_of_life,
        caller=caller,
        ending=Change(reply, complete),
    )
    return message if session else None


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


def _lock_session(reply: Reply) -> Session:
    """Lock the session of a reply.

    Raises:
        LeaseLostError: It was deleted, and the reply with it.
    """
    session = fetch_row(Session, lock=True, id=reply.session_id)
    if session is None:
        raise LeaseLostError
    return session
