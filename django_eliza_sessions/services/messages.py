"""Sending messages (contract, "Messages")."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import Error, transaction

from django_eliza_sessions.attachments import check_attachments
from django_eliza_sessions.conf import conf
from django_eliza_sessions.content import check_content, check_metadata
from django_eliza_sessions.exceptions import (
    InvalidContentError,
    MessageSendError,
    ReplyInProgressError,
    SessionExpiredError,
    SessionNotFoundError,
    quote,
)
from django_eliza_sessions.models import Agent, Message, Reply, Session
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import answering, replies
from django_eliza_sessions.services.agents import check_enabled
from django_eliza_sessions.services.holding import cancel_replies
from django_eliza_sessions.services.idempotency import own_key, recognise, remember
from django_eliza_sessions.services.lookup import lock_session
from django_eliza_sessions.services.outbox import record_events
from django_eliza_sessions.services.transcript import MESSAGE_FIELDS, append_message
from django_eliza_sessions.services.transitions import record_activity


class Transport(StrEnum):
    """How the sender wants the reply."""

    HTTP = "http"
    SSE = "sse"
    WEBSOCKET = "websocket"

    @classmethod
    def parse(cls, word: object) -> "Transport":
        """Return the transport of this name, current or legacy; websocket for ``None``.

        Raises:
            InvalidContentError: There is no such transport.
        """
        names = {None: cls.WEBSOCKET, "sync": cls.HTTP, "stream": cls.SSE}
        names |= {transport.value: transport for transport in cls}
        if isinstance(word, str | None) and word in names:
            return names[word]
        raise InvalidContentError(
            "transport",
            "must be http (sync), sse (stream) or websocket, got " + quote(word),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """What sending a message came to.

    Attributes:
        was_sent_before: Whether this is a retry, which stored nothing.
        answer: The agent's message, where the sender waited for it and it came in time.
    """

    session: Session
    message: Message
    reply: Reply
    transport: Transport
    was_renewed: bool
    was_sent_before: bool
    answer: Message | None

    @property
    def is_still_answered(self) -> bool:
        """Whether the sender waited for the answer, and it is still to come."""
        waited = self.transport == Transport.HTTP and self.answer is None
        return waited and not self.reply.is_finished


def send_message(
    *,
    principal: Principal,
    session_id: UUID,
    content: str,
    metadata: Mapping[str, Any] | None = None,
    attachments: Sequence[Mapping[str, Any]] | None = None,
    transport: str | None = None,
    idempotency_key: str | None = None,
    message_id: str | None = None,
) -> SentMessage:
    """Store the user's message and get it answered.

    With ``http`` this returns once the agent has answered, or after
    ``HTTP_WAIT_SECONDS`` without the answer, which then still comes; otherwise at once.
    Call it outside a transaction: the agent may take long.

    Args:
        principal: The caller.
        session_id: Where.
        content: 1 to 4000 characters, not only white space.
        metadata: Anything JSON can hold, up to 10,240 bytes.
        attachments: Objects with ``type`` and ``url``, ten at most.
        transport: A word of ``Transport``, current or legacy.
        idempotency_key: The same one again stores nothing; it returns, or waits for,
            what the first came to.
        message_id: The client's own id of the message, which serves as key where none is
            given; by default the ``messageId`` in the metadata.

    Raises:
        IdempotencyKeyReusedError: Another message was sent under this key.
        InvalidRequestError: The key is empty, too long, or no printable ASCII.
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
        InvalidContentError: Content, attachments or transport are not allowed.
        InvalidMetadataError: The metadata cannot be stored.
        AgentNotFoundError: The agent was disabled meanwhile.
        ReplyInProgressError: The agent is busy and refuses more meanwhile.
        MessageSendError: The database refused the message, or the agent failed; then
            the message is stored.
    """
    try:
        with transaction.atomic():
            session, now = lock_session(principal=principal, session_id=session_id)
            fields: dict[str, Any] = {
                "content": check_content(content),
                "metadata": check_metadata(metadata),
                "attachments": check_attachments(attachments),
            }
            wanted = Transport.parse(transport)
            asked: dict[str, Any] = fields
            if idempotency_key is None:
                own_id = message_id or fields["metadata"].get("messageId")
                idempotency_key = own_key(session_id, own_id)
                # The same message has other metadata over HTTP than over a socket.
                asked = fields | {"metadata": None}
            known = recognise(
                principal=principal, key=idempotency_key, asked=["send", session_id, asked]
            )
            was_sent_before = known is not None and known.message is not None
            if known is not None and known.message is not None:
                message, was_renewed = known.message, known.was_renewed
            else:
                message, was_renewed = _store_message(session, now, fields, wanted)
                remember(known, session=session, message=message, was_renewed=was_renewed)
            reply = message.reply
    except Error as error:
        raise MessageSendError("The message could not be stored.") from error
    return SentMessage(
        session=session,
        message=message,
        reply=reply,
        transport=wanted,
        was_renewed=was_renewed,
        was_sent_before=was_sent_before,
        answer=_wait_for_answer(reply) if wanted == Transport.HTTP else None,
    )


def _store_message(
    session: Session, now: datetime, fields: Mapping[str, Any], wanted: Transport
) -> tuple[Message, bool]:
    """Store a message and the job of answering it; tell whether it renewed the session."""
    check_enabled(session.agent, session.agent_id)
    _make_way(session)
    message, event = append_message(
        session, now, author_id=session.user_id, is_agent=False, **fields
    )
    was_renewed = record_activity(session, now, *MESSAGE_FIELDS)
    record_events([event])
    replies.open_reply(message, dispatch=wanted != Transport.HTTP)
    return message, was_renewed


def _make_way(session: Session) -> None:
    """Do what the agent's policy says about a message that comes while it answers."""
    policy = session.agent.when_busy
    if policy == Agent.WhenBusy.INTERRUPT:
        cancel_replies(session, replies.INTERRUPTED)
    elif policy == Agent.WhenBusy.REJECT and session.replies.unfinished().exists():
        raise ReplyInProgressError(
            "The agent is still answering; wait for it, or cancel its reply.",
            session_id=str(session.pk),
        )


def _wait_for_answer(reply: Reply) -> Message | None:
    answer = answering.answer_reply_within(reply=reply, seconds=conf.http_wait_seconds)
    if answer is not None:
        return answer
    try:
        reply.refresh_from_db()
    except Reply.DoesNotExist:
        raise _ended_before_answered(reply) from None
    if reply.status == Reply.Status.FAILED:
        raise MessageSendError(
            "The message was stored, but the agent failed to answer it.",
            message_id=str(reply.message_id),
        )
    if reply.error_code == SessionExpiredError.code:
        raise SessionExpiredError(
            "The message was stored, but its session expired before it was answered.",
            message_id=str(reply.message_id),
        )
    if reply.error_code == SessionNotFoundError.code:
        raise _ended_before_answered(reply)
    # A cancelled reply may have left what was said before.
    return Message.objects.filter(pk=reply.answer_id).first()


def _ended_before_answered(reply: Reply) -> SessionNotFoundError:
    return SessionNotFoundError(
        "The message was stored, but its session was ended before it was answered.",
        message_id=str(reply.message_id),
    )
