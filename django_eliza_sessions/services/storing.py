"""Storing a user's message: in one statement, where nothing stands in its way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import cast
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from django_eliza_sessions.backends import backends
from django_eliza_sessions.exceptions import (
    InvalidContentError,
    ReplyInProgressError,
    quote,
)
from django_eliza_sessions.models import Agent, Event, Message, Reply, Session
from django_eliza_sessions.models.rows import failing_alone
from django_eliza_sessions.origin import current_origin
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock, replies
from django_eliza_sessions.services.agents import check_enabled
from django_eliza_sessions.services.dispatch import dispatch_reply
from django_eliza_sessions.services.finishing import cancel_replies
from django_eliza_sessions.services.idempotency import recognise, remember
from django_eliza_sessions.services.lookup import lock_session
from django_eliza_sessions.services.transcript import add_to_session, new_event, new_message


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
        is_ours: Whether the reply is taken already, by the sender.
        answer: The agent's message, where the sender waited for it and it came in time.
    """

    session: Session
    message: Message
    reply: Reply
    transport: Transport
    was_renewed: bool
    was_sent_before: bool
    is_ours: bool
    answer: Message | None = None

    @property
    def is_still_answered(self) -> bool:
        """Whether the sender waited for the answer, and it is still to come."""
        waited = self.transport == Transport.HTTP and self.answer is None
        return waited and not self.reply.is_finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that can be stored as soon as its session lets it.

    Attributes:
        fields: Of the message, checked.
        key: What a retry is recognised by, if it can be.
        asked: What a retry must ask for again.
    """

    principal: Principal
    session_id: UUID
    fields: Mapping[str, object]
    transport: Transport
    key: str | None
    asked: object


def store_if_free(draft: Draft) -> SentMessage | None:
    """Store a message, unless there is something to wait for, to look at, or to say.

    Returns:
        ``None`` where nothing was stored, and then it is ``store_in_turn`` that can tell.

    Raises:
        Nothing: what is wrong, ``store_in_turn`` says.
    """
    # What has a key may have been sent before, which can be seen under the lock only.
    if draft.key is not None or not connection.features.has_select_for_update_skip_locked:
        return None
    current_origin().session_id = str(draft.session_id)
    with failing_alone():
        return _store(draft, clock.now(), caller=draft.principal)


def store_in_turn(draft: Draft) -> SentMessage:
    """Store a message once its session is locked, or find it stored.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
        IdempotencyKeyReusedError: Another message was sent under this key.
        InvalidRequestError: The key is empty, too long, or no printable ASCII.
        AgentNotFoundError: The agent was disabled meanwhile.
        ReplyInProgressError: The agent is busy and refuses more meanwhile.
    """
    principal, session_id = draft.principal, draft.session_id
    with transaction.atomic():
        session, now = lock_session(principal=principal, session_id=session_id)
        known = recognise(
            principal=principal, key=draft.key, asked=["send", session_id, draft.asked]
        )
        if known is not None and known.message is not None:
            return SentMessage(
                session=session,
                message=known.message,
                reply=known.message.reply,
                transport=draft.transport,
                was_renewed=known.was_renewed,
                was_sent_before=True,
                is_ours=False,
            )
        check_enabled(session.agent, session.agent_id)
        _make_way(session)
        # Locked and live, so it is found.
        sent = cast("SentMessage", _store(draft, now))
        remember(known, session=session, message=sent.message, was_renewed=sent.was_renewed)
    return sent


def _store(
    draft: Draft, now: datetime, *, caller: Principal | None = None
) -> SentMessage | None:
    """Store a message with its event and the job of answering it, if it can be stored."""
    message = new_message(
        draft.session_id, author_id=F("user_id"), is_agent=False, **draft.fields
    )
    kind = Event.Kind.MESSAGE
    event = new_event(draft.session_id, kind, now, message_id=message.pk)
    # Who waits for it answers it, and at once where there is nothing to wait for.
    is_ours = caller is not None and draft.transport == Transport.HTTP
    reply = replies.new_reply(message, now, is_ours=is_ours)
    rows: list[Message | Event | Reply] = [message, event, reply]
    session = add_to_session(
        draft.session_id,
        now,
        rows,
        is_sign_of_life=True,
        caller=caller,
        limits=backends.history_limits() if is_ours else None,
    )
    if session is None:
        return None
    if draft.transport != Transport.HTTP:
        transaction.on_commit(partial(dispatch_reply, reply_id=reply.pk))
    return SentMessage(
        session=session,
        message=message,
        reply=reply,
        transport=draft.transport,
        was_renewed=session.was_just_renewed,
        was_sent_before=False,
        is_ours=is_ours,
    )


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
