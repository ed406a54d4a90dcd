"""What sockets are told, as plain dicts ready for JSON (contract, "Realtime").

Each event of a session is told in one event on the wire, or in none. What must be heard
of carries ``sequence``, its place among the events of its session, and ``eventId``.
"""

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django_eliza_sessions.exceptions import InvalidInputError, SessionsError
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.outbox import Occurrence
from django_eliza_sessions.services.replies import explain_end
from django_eliza_sessions.wire import camel, epoch_milliseconds, timestamp

if TYPE_CHECKING:
    from django_eliza_sessions.models import Message, Reply, Session
    from django_eliza_sessions.services.storing import SentMessage

#: The one message server that a released client knows.
SERVER_ID = "00000000-0000-0000-0000-000000000000"

#: The name of the event that a deadline is near.
WARNING = "sessionExpirationWarning"
#: The name of an event on the wire, and its payload.
Told = tuple[str, dict[str, Any]]


def tell(heard: Occurrence) -> Told | None:
    """Return how sockets are told of what happened; ``None`` if they are not."""
    told = _tell(heard)
    if told is None:
        return None
    name, payload = told
    event = heard.event
    return name, payload | {"eventId": str(event.pk), "sequence": event.sequence}


def _tell(heard: Occurrence) -> Told | None:
    event, message, reply = heard.event, heard.message, heard.reply
    ids = {"sessionId": str(event.session_id)}
    match event.kind:
        case event.Kind.MESSAGE if message is not None:
            return "messageBroadcast", _message(message)
        case event.Kind.REPLY_COMPLETE:
            channel = {"channelId": str(event.session.channel_id), "serverId": SERVER_ID}
            return "messageComplete", channel | ids
        case event.Kind.REPLY_FAILED | event.Kind.REPLY_CANCELLED if reply is not None:
            return "messageStreamError", _broken_reply(reply, message)
        case event.Kind.WARNED if event.deadline is not None:
            left = (event.deadline - event.created_at) / timedelta(minutes=1)
            facts = {
                "minutesRemaining": math.ceil(left),
                "expiresAt": timestamp(event.deadline),
            }
            return WARNING, ids | facts
        case event.Kind.EXPIRED if event.deadline is not None:
            return "sessionExpired", ids | {"expiredAt": timestamp(event.deadline)}
        case event.Kind.ENDED:
            return "sessionEnded", ids | {"endedAt": timestamp(event.created_at)}
    return None


def _message(message: "Message") -> dict[str, Any]:
    name = message.metadata.get("user_display_name")
    body = {
        "id": str(message.pk),
        "senderId": str(message.author_id),
        "senderName": name if isinstance(name, str) and name else "User",
        "text": message.content,
        "roomId": str(message.session.channel_id),
        "channelId": str(message.session.channel_id),
        "serverId": SERVER_ID,
        "createdAt": epoch_milliseconds(message.created_at),
        "source": "user",
        "sessionId": str(message.session_id),
    }
    if message.is_agent:
        body |= {"senderName": message.session.agent.name, "source": "agent_response"}
        body |= {
            k: message.metadata[k] for k in ("thought", "actions") if k in message.metadata
        }
    if message.attachments:
        body["attachments"] = message.attachments
    return body


def _broken_reply(reply: "Reply", said: "Message | None") -> dict[str, Any]:
    body = _reply(reply) | {"error": explain_end(reply)}
    return body if said is None else body | {"partialText": said.content}


def _reply(reply: "Reply") -> dict[str, Any]:
    return {
        "messageId": str(reply.answer_id),
        "channelId": str(reply.session.channel_id),
        "agentId": str(reply.session.agent_id),
    }


def reply_chunk(reply: "Reply", index: int, text: str) -> Told:
    """Return how sockets are told of more of a reply's text."""
    return "messageStreamChunk", _reply(reply) | {"chunk": text, "index": index}


def session_renewed(session: "Session") -> Told:
    """Return how sockets are told of a renewal."""
    return "sessionRenewed", {
        "sessionId": str(session.pk),
        "expiresAt": timestamp(session.expires_at),
        "renewalCount": session.renewal_count,
    }


def connection_established(sid: str) -> Told:
    """Return what a socket is told first."""
    message = "Connected to the sessions server"
    return "connection_established", {"message": message, "socketId": sid}


def authenticated(entity_id: str) -> Told:
    """Return what a socket is told that said whom it speaks for."""
    now = epoch_milliseconds(clock.now())
    return "authenticated", {"entityId": entity_id, "timestamp": now}


def joined_room(session: "Session", sequence: int) -> dict[str, Any]:
    """Return what joining answers; ``sequence`` is that of the session's last event."""
    channel_id = str(session.channel_id)
    return {
        "message": f"Joined channel {channel_id}.",
        "channelId": channel_id,
        "roomId": channel_id,
        "sequence": sequence,
    }


def left_room(room_id: str) -> dict[str, Any]:
    """Return what leaving answers, to those who ask for an acknowledgement."""
    return {"channelId": room_id, "roomId": room_id}


def message_ack(sent: "SentMessage", client_message_id: str | None) -> dict[str, Any]:
    """Return what sending answers."""
    channel_id = str(sent.session.channel_id)
    return {
        "clientMessageId": client_message_id,
        "messageId": str(sent.message.pk),
        "status": "received_by_server_and_processing",
        "channelId": channel_id,
        "roomId": channel_id,
    }


def message_error(error: SessionsError) -> dict[str, Any]:
    """Return what anything that went wrong answers."""
    details = error.details
    if isinstance(error, InvalidInputError):
        # A message's text has another name here than over HTTP.
        field = "message" if error.field == "content" else camel(error.field)
        details = f"{field} {error.problem}"
    told = {"error": details, "code": error.code}
    wait = error.context.get("retry_after")
    return told if wait is None else told | {"retryAfter": wait}
