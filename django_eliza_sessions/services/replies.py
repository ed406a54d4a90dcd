"""The life of a reply: queued, running, then complete, failed or cancelled.

A reply is a durable job done by whoever holds its lease (see ``holding``). Here is what
the others do: ask for it, look at it, cancel it, and find a new holder for it.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from django_eliza_sessions.exceptions import NotFoundError, ReplyAlreadyCompleteError
from django_eliza_sessions.models import Message, Reply, Session
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import Action, record
from django_eliza_sessions.services.dispatch import dispatch_reply
from django_eliza_sessions.services.finishing import cancel_replies, dispatch_next
from django_eliza_sessions.services.holding import fail_reply
from django_eliza_sessions.services.leases import LeaseLostError, lease_from
from django_eliza_sessions.services.lookup import lock_session, open_transcript

#: How long the dispatcher may take to find a holder before a sweep asks again.
DISPATCH_GRACE = timedelta(seconds=10)
#: How often a reply is tried whose holders keep dying.
MAX_ATTEMPTS = 3
CANCELLED = "REPLY_CANCELLED"
INTERRUPTED = "REPLY_INTERRUPTED"


def new_reply(message: Message, now: datetime, *, is_ours: bool) -> Reply:
    """Return the job of answering a message, to be stored together with it.

    Args:
        message: Unsaved.
        now: The present.
        is_ours: Whether the sender takes it at once.
    """
    reply = Reply(
        session_id=message.session_id,
        message=message,
        created_at=message.created_at,
        lease_until=now + DISPATCH_GRACE,
    )
    if is_ours:
        reply.status, reply.attempts = Reply.Status.RUNNING, 1
        reply.started_at, reply.lease_until = now, lease_from(now)
    return reply


def cancel_reply(*, principal: Principal, session_id: UUID, message_id: UUID) -> Reply:
    """Stop the reply to a message; what was said so far is kept, marked.

    Doing it again is harmless.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
        NotFoundError: The session has no such message of the user's.
        ReplyAlreadyCompleteError: It is finished already.
    """
    with transaction.atomic():
        session, _now = lock_session(principal=principal, session_id=session_id)
        reply = _reply_to(session, message_id)
        if reply.status in (Reply.Status.COMPLETE, Reply.Status.FAILED):
            raise ReplyAlreadyCompleteError(
                "The reply has finished already.", message_id=str(message_id)
            )
        cancel_replies(session, CANCELLED, only=reply.pk)
        dispatch_next(reply)
        record(
            Action.REPLY_CANCELLED,
            session_id=session_id,
            actor=principal.id,
            message_id=str(message_id),
        )
        reply.refresh_from_db()
    return reply


def get_reply(*, principal: Principal, session_id: UUID, message_id: UUID) -> Reply:
    """Return the reply to a message, with the message.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
        NotFoundError: The session has no such message of the user's.
    """
    session = open_transcript(principal=principal, session_id=session_id)
    return _reply_to(session, message_id)


def answer_of(reply: Reply) -> Message | None:
    """Return the agent's message, whole or partial; ``None`` while there is none."""
    return Message.objects.filter(pk=reply.answer_id).first() if reply.is_finished else None


def text_so_far(reply: Reply) -> str:
    """Return what has been said of a reply that is under way, and of no other."""
    if reply.is_finished or not reply.chunk_count:
        return ""
    return "".join(reply.chunks.order_by("index").values_list("text", flat=True))


def _reply_to(session: Session, message_id: UUID) -> Reply:
    reply = session.replies.filter(message_id=message_id).select_related("message").first()
    if reply is None:
        raise NotFoundError(
            f"The session has no message {message_id} of its user.",
            message_id=str(message_id),
        )
    return reply


def recover_replies(*, limit: int = 1000) -> int:
    """Hand out again the replies that nobody holds any more; return how many.

    One that used up its attempts fails, and so does one whose holder had told
    watchers a part: a second try might say something else.
    """
    now = clock.now()
    count = 0
    for reply in Reply.objects.due(now)[:limit]:
        lost = reply.status == Reply.Status.RUNNING
        if lost and (reply.chunk_count or reply.attempts >= MAX_ATTEMPTS):
            _give_up(reply)
            continue
        # Still due: its holder may have finished late, or another sweep come first.
        requeued = (
            Reply.objects.due(now)
            .filter(pk=reply.pk, attempts=reply.attempts)
            .update(status=Reply.Status.QUEUED, lease_until=now + DISPATCH_GRACE)
        )
        if requeued:
            dispatch_reply(reply_id=reply.pk)
            count += 1
    return count


def _give_up(reply: Reply) -> None:
    try:
        fail_reply(reply, f"Its holder was lost, on attempt {reply.attempts}.")
    except LeaseLostError:
        return  # Finished after all.


def explain_end(reply: Reply) -> str:
    """Return why a reply failed or was cancelled; the operator's details stay here."""
    if reply.status == Reply.Status.FAILED:
        return "The agent failed to answer."
    return "The reply was cancelled."
