"""What the operations answer, as plain dicts ready for ``write_json``.

The serializers beside this module declare the same shapes for the OpenAPI schema;
the tests hold every real response against it.
"""

from typing import TYPE_CHECKING, Any

from django_eliza_sessions.api.query import encode_cursor
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.replies import explain_end
from django_eliza_sessions.wire import (
    epoch_milliseconds,
    history_message,
    timestamp,
    user_message,
)

if TYPE_CHECKING:
    from datetime import datetime

    from django_eliza_sessions.models import Message, Reply, Session
    from django_eliza_sessions.services.history import MessagePage
    from django_eliza_sessions.services.overview import Health, SessionPage
    from django_eliza_sessions.services.storing import SentMessage


def created_session(session: "Session") -> dict[str, Any]:
    """Return what creating a session answers."""
    return {
        "sessionId": session.id,
        "channelId": session.channel_id,
        "agentId": session.agent_id,
        "userId": session.user_id,
        "createdAt": timestamp(session.created_at),
        "metadata": session.metadata,
        "expiresAt": timestamp(session.expires_at),
        "timeoutConfig": {
            "timeoutMinutes": session.timeout_minutes,
            "autoRenew": session.auto_renew,
            "maxDurationMinutes": session.max_duration_minutes,
            "warningThresholdMinutes": session.warning_threshold_minutes,
        },
    }


def session_info(session: "Session", now: "datetime | None" = None) -> dict[str, Any]:
    """Return a session with its state at a moment, the present unless told."""
    now = now or clock.now()
    return created_session(session) | {
        "lastActivity": timestamp(session.last_activity_at),
        "renewalCount": session.renewal_count,
        "timeRemaining": session.time_remaining(now),
        "isNearExpiration": session.is_near_expiration(now),
    }


def session_page(page: "SessionPage") -> dict[str, Any]:
    """Return a page of the list of sessions."""
    now = clock.now()
    return {
        "sessions": [session_info(session, now) for session in page.sessions],
        "total": page.total,
        "stats": {
            "totalSessions": page.counts.all,
            "activeSessions": page.counts.active,
            "expiredSessions": page.counts.expired,
        },
        "hasMore": page.next_place is not None,
        "nextCursor": encode_cursor(page.next_place) if page.next_place else None,
    }


def ended_session() -> dict[str, Any]:
    """Return what ending a session answers.

    The released client returns ``data`` of every body that has ``success``.
    """
    message = "Session ended successfully"
    return {
        "success": True,
        "message": message,
        "data": {"success": True, "message": message},
    }


def health(state: "Health") -> dict[str, Any]:
    """Return how the service is."""
    return {
        "status": state.status.value,
        "activeSessions": state.active,
        "expiringSoon": state.expiring_soon,
        "timestamp": timestamp(clock.now()),
        "uptime": round(state.uptime, 3),
    }


def sent_message(sent: "SentMessage") -> dict[str, Any]:
    """Return what sending a message answers.

    The same facts stand in it three times over: flat as the documents have them, in
    parts as the released server does, and in ``data``, which is what its client reads.
    """
    session = sent.session
    parts: dict[str, Any] = {
        "success": True,
        "userMessage": user_message(sent.message),
        "sessionStatus": {
            "expiresAt": timestamp(session.expires_at),
            "renewalCount": session.renewal_count,
            "wasRenewed": sent.was_renewed,
            "isNearExpiration": session.is_near_expiration(clock.now()),
        },
    }
    if sent.answer is not None:
        parts["agentResponse"] = agent_response(sent.answer)
    elif sent.reply.status == sent.reply.Status.CANCELLED:
        parts["agentResponse"] = {"text": "", "incomplete": True}
    return user_message(sent.message) | parts | {"data": parts}


def reply_state(
    reply: "Reply", answer: "Message | None", text_so_far: str = ""
) -> dict[str, Any]:
    """Return a reply as it stands; ``agentResponse`` has what was said by now."""
    body: dict[str, Any] = {
        "id": reply.answer_id,
        "userMessageId": reply.message_id,
        "status": reply.status,
        "createdAt": timestamp(reply.created_at),
    }
    if reply.finished_at is not None:
        body["finishedAt"] = timestamp(reply.finished_at)
    if reply.error_code:
        body["error"] = reply_error(reply)
    if reply.input_tokens is not None or reply.output_tokens is not None:
        body["usage"] = {
            "inputTokens": reply.input_tokens,
            "outputTokens": reply.output_tokens,
        }
    if answer is not None:
        body["agentResponse"] = agent_response(answer)
    elif text_so_far:
        body["agentResponse"] = {"text": text_so_far, "incomplete": True}
    return body


def reply_error(reply: "Reply") -> dict[str, str]:
    """Return why a reply failed or was cancelled."""
    return {"code": reply.error_code, "message": explain_end(reply)}


def agent_response(answer: "Message") -> dict[str, Any]:
    """Return what the agent said, with its thought and actions where it has any."""
    return {"text": answer.content, **answer.metadata}


def cancelled_reply(reply: "Reply", answer: "Message | None") -> dict[str, Any]:
    """Return what cancelling a reply answers, in ``data`` too for the client."""
    return {"success": True, "data": reply_state(reply, answer)}


def message_page(page: "MessagePage") -> dict[str, Any]:
    """Return a page of history; the cursors are its ends, newest first."""
    messages = page.messages
    cursors = {}
    if messages:
        cursors["before"] = epoch_milliseconds(messages[-1].created_at)
        cursors["after"] = epoch_milliseconds(messages[0].created_at)
    return {
        "messages": [history_message(message) for message in messages],
        "hasMore": page.has_more,
        "cursors": cursors,
    }
