"""Sending messages (contract, "Messages")."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import Error

from django_eliza_sessions.attachments import check_attachments
from django_eliza_sessions.conf import conf
from django_eliza_sessions.content import check_content, check_metadata
from django_eliza_sessions.exceptions import (
    InvalidInputError,
    MessageSendError,
    SessionExpiredError,
    SessionNotFoundError,
)
from django_eliza_sessions.models import Message, Reply
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import answering
from django_eliza_sessions.services.idempotency import own_key
from django_eliza_sessions.services.lookup import get_session
from django_eliza_sessions.services.storing import (
    Draft,
    SentMessage,
    Transport,
    store_if_free,
    store_in_turn,
)


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
        content = check_content(content)
        metadata = check_metadata(metadata)
        attachments = check_attachments(attachments)
        wanted = Transport.parse(transport)
    except InvalidInputError:
        # Whether there is such a session is said first.
        get_session(principal=principal, session_id=session_id)
        raise
    fields: dict[str, object] = {
        "content": content,
        "metadata": metadata,
        "attachments": attachments,
    }
    asked = fields
    if idempotency_key is None:
        idempotency_key = own_key(session_id, message_id or metadata.get("messageId"))
        # The same message has other metadata over HTTP than over a socket.
        asked = fields | {"metadata": None}
    draft = Draft(
        principal=principal,
        session_id=session_id,
        fields=fields,
        transport=wanted,
        key=idempotency_key,
        asked=asked,
    )
    try:
        sent = store_if_free(draft) or store_in_turn(draft)
    except Error as error:
        raise MessageSendError("The message could not be stored.") from error
    if wanted == Transport.HTTP:
        return replace(sent, answer=_wait_for_answer(sent))
    return sent


def _wait_for_answer(sent: SentMessage) -> Message | None:
    reply = sent.reply
    answer = answering.answer_reply_within(
        reply=reply, is_ours=sent.is_ours, seconds=conf.http_wait_seconds
    )
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
