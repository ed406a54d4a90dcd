"""Messages of a session: sending, and reading them back (contract, "Messages")."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction

from django_eliza_sessions.content import (
    check_attachments,
    check_content,
    check_metadata,
)
from django_eliza_sessions.exceptions import (
    InvalidContentError,
    MessageSendError,
    quote,
)
from django_eliza_sessions.models import Message, Session
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import replies
from django_eliza_sessions.services.agents import check_enabled
from django_eliza_sessions.services.lookup import lock_session
from django_eliza_sessions.services.transcript import MESSAGE_FIELDS, append_message
from django_eliza_sessions.services.transitions import ACTIVITY_FIELDS, record_activity


class Transport(StrEnum):
    """How the sender wants the reply."""

    HTTP = "http"
    WEBSOCKET = "websocket"

    @classmethod
    def parse(cls, word: object) -> "Transport":
        """Return the transport of this name, current or legacy; websocket for ``None``.

        Raises:
            InvalidContentError: There is no such transport.
        """
        names = {None: cls.WEBSOCKET, "sync": cls.HTTP} | {t.value: t for t in cls}
        if isinstance(word, str | None) and word in names:
            return names[word]
        raise InvalidContentError(
            "transport", f"must be http (sync) or websocket, got {quote(word)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """What sending a message came to.

    Attributes:
        answer: The agent's message, where the sender waited for it.
    """

    session: Session
    message: Message
    was_renewed: bool
    answer: Message | None


def send_message(
    *,
    principal: Principal,
    session_id: UUID,
    content: str,
    metadata: Mapping[str, Any] | None = None,
    attachments: Sequence[Mapping[str, Any]] | None = None,
    transport: str | None = None,
) -> SentMessage:
    """Store the user's message and get it answered.

    With ``http`` this returns once the agent has answered; otherwise at once, and the
    reply dispatcher has it answered. Call it outside a transaction: the agent may take
    long.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
        InvalidContentError: Content, attachments or transport are not allowed.
        InvalidMetadataError: The metadata cannot be stored.
        AgentNotFoundError: The agent was disabled meanwhile.
        MessageSendError: The database refused the message, or the agent failed; then
            the message is stored.
    """
    try:
        with transaction.atomic():
            session, now = lock_session(principal=principal, session_id=session_id)
            fields = {
                "content": check_content(content),
                "metadata": check_metadata(metadata),
                "attachments": check_attachments(attachments),
            }
            waits = Transport.parse(transport) == Transport.HTTP
            check_enabled(session.agent, session.agent_id)
            was_renewed = record_activity(session, now)
            message = append_message(
                session, now, author_id=session.user_id, is_agent=False, **fields
            )
            session.save(update_fields=(*ACTIVITY_FIELDS, *MESSAGE_FIELDS))
            reply = replies.open_reply(message, now, held=waits)
    except DatabaseError as error:
        raise MessageSendError("The message could not be stored.") from error
    answer = replies.run_reply(reply=reply) if waits else None
    if waits and answer is None:
        raise MessageSendError(
            "The message was stored, but the agent failed to answer it.",
            message_id=str(message.pk),
        )
    return SentMessage(
        session=session, message=message, was_renewed=was_renewed, answer=answer
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """A part of a session's history, newest first."""

    messages: list[Message]
    has_more: bool


def list_messages(
    *,
    session: Session,
    limit: int,
    before: datetime | None = None,
    after: datetime | None = None,
) -> MessagePage:
    """Return a page of history.

    With ``after`` alone it is the oldest messages after that time, so that paging
    forward skips nothing; otherwise the newest of the range.

    Args:
        limit: How many messages at most.
        before: Only messages strictly earlier.
        after: Only messages strictly later.
    """
    messages = session.messages.between(after, before)
    forward = after is not None and before is None
    found = list(messages.order_by("created_at" if forward else "-created_at")[: limit + 1])
    page = found[:limit]
    return MessagePage(
        messages=page[::-1] if forward else page, has_more=len(found) > limit
    )
