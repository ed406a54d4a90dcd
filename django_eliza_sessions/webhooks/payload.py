"""What a webhook says, in the shape of Standard Webhooks: type, timestamp and data."""

from typing import TYPE_CHECKING, Any

from django_eliza_sessions.timeouts import milliseconds_between
from django_eliza_sessions.wire import history_message, timestamp, write_json

if TYPE_CHECKING:
    from django_eliza_sessions.models import Event, Message, Reply, Session

#: How each kind of event is called outside.
TYPES = {
    "created": "session.created",
    "warned": "session.expiring",
    "expired": "session.expired",
    "ended": "session.ended",
    "message": "message.created",
    "reply_complete": "reply.completed",
    "reply_failed": "reply.failed",
    "reply_cancelled": "reply.cancelled",
}


def payload(event: "Event", reply: "Reply | None", message: "Message | None") -> bytes:
    """Return the body for an event.

    Args:
        event: With its session.
        reply: The reply that ended, if it is about one.
        message: The message that was stored, or what was said in the reply.
    """
    session = event.session
    data = {
        "eventId": str(event.pk),
        "sequence": event.sequence,
        "sessionId": session.pk,
        "channelId": session.channel_id,
        "agentId": session.agent_id,
        "userId": session.user_id,
    }
    if reply is not None:
        data |= _reply(reply)
    if message is not None:
        data["message"] = history_message(message)
    data |= _times(event, session)
    return write(TYPES[event.kind], timestamp(event.created_at), data)


def write(kind: str, moment: str, data: dict[str, Any]) -> bytes:
    """Return a body with these parts."""
    return write_json({"type": kind, "timestamp": moment, "data": data})


def _times(event: "Event", session: "Session") -> dict[str, Any]:
    match event.kind:
        case "created":
            return {
                "createdAt": timestamp(session.created_at),
                "expiresAt": timestamp(session.expires_at),
                "metadata": session.metadata,
            }
        case "warned" if event.deadline is not None:
            left = milliseconds_between(event.created_at, event.deadline)
            return {
                "expiresAt": timestamp(event.deadline),
                "minutesRemaining": round(left / 60_000, 2),
            }
        case "expired" if event.deadline is not None:
            return {"expiredAt": timestamp(event.deadline)}
        case "ended":
            return {"endedAt": timestamp(event.created_at)}
    return {}


def _reply(reply: "Reply") -> dict[str, Any]:
    """Return which message was answered, and why it was not, if so."""
    body: dict[str, Any] = {"messageId": reply.message_id}
    if reply.error_code:
        body["error"] = {"code": reply.error_code}
    return body
