"""Finishing replies: before their time, and what is told whichever way they end."""

from datetime import datetime
from functools import partial
from typing import cast
from uuid import UUID

from django.db import transaction
from django.db.models import F

from django_eliza_sessions.models import Event, Message, Reply, Session
from django_eliza_sessions.models.rows import fetch_row
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.dispatch import dispatch_reply
from django_eliza_sessions.services.leases import write_held
from django_eliza_sessions.services.transcript import add_to_session, new_event, new_message


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
    """End a reply before its time; text that was streamed already is kept, marked.

    Args:
        reply: As its holder knows it, or locked.
        session: Locked; told how many events it then has.
        status: What the reply ends with.
        code: What watchers are told.
        error: Why, for the operator.

    Raises:
        LeaseLostError: It is held no longer.
    """
    now = clock.now()
    write_held(reply, status=status, finished_at=now, error_code=code, error=error)
    said = "".join(reply.chunks.order_by("index").values_list("text", flat=True))
    message = new_answer(reply, said, {"incomplete": True}) if said else None
    rows = rows_of_end(reply, status, now, message)
    # Locked, so it is found.
    stored = cast("Session", add_to_session(session.pk, now, rows, is_sign_of_life=False))
    # Whoever ends the session, too, numbers its events by that.
    session.last_sequence = stored.last_sequence


def new_answer(reply: Reply, text: str, metadata: dict[str, object]) -> Message:
    """Return the agent's message, to be stored with the end of its reply."""
    return new_message(
        reply.session_id,
        id=reply.answer_id,
        author_id=F("agent_id"),
        is_agent=True,
        content=text,
        metadata=metadata,
    )


def rows_of_end(
    reply: Reply, status: Reply.Status, now: datetime, message: Message | None
) -> list[Message | Event]:
    """Return what is new when a reply ends: the answer with its event, and that of the end.

    Args:
        reply: Which.
        status: What it ends with.
        now: The present.
        message: The answer, whole or partial, if there is any.
    """
    add = partial(new_event, reply.session_id)
    kind = Event.Kind(f"reply_{status}")
    end = add(kind, now, reply_id=reply.pk, message_id=reply.answer_id)
    if message is None:
        return [end]
    return [message, add(Event.Kind.MESSAGE, now, message_id=message.pk), end]


def dispatch_next(reply: Reply) -> None:
    """Find somebody for the session's next reply, once this one's end is committed."""
    following = fetch_row(Reply, session=reply.session_id, also=Reply.FIRST_QUEUED)
    if following is not None:
        transaction.on_commit(partial(dispatch_reply, reply_id=following.pk))
