"""What requests and answers look like: one conversation, shown in the OpenAPI document."""

import json
from typing import Any

from drf_spectacular.utils import OpenApiExample

SESSION_ID = "550e8400-e29b-41d4-a716-446655440000"
AGENT_ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
USER_ID = "9b2f5d1e-7c3a-4f60-8a5b-2f1c0d9e8b7a"
REPLY_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
MESSAGE_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
STARTED = "2026-01-31T12:00:00.000Z"
EXPIRES = "2026-01-31T13:00:00.000Z"

_metadata = {"platform": "web", "username": "ada"}
_timeouts = {
    "timeoutMinutes": 60,
    "autoRenew": True,
    "maxDurationMinutes": 720,
    "warningThresholdMinutes": 5,
}
_created = {
    "sessionId": SESSION_ID,
    "channelId": SESSION_ID,
    "agentId": AGENT_ID,
    "userId": USER_ID,
    "createdAt": STARTED,
    "metadata": _metadata,
    "expiresAt": EXPIRES,
    "timeoutConfig": _timeouts,
}
_info = _created | {
    "lastActivity": STARTED,
    "renewalCount": 0,
    "timeRemaining": 3_600_000,
    "isNearExpiration": False,
}
_text = "Bring your old card to any branch."
_question = {
    "id": MESSAGE_ID,
    "content": "How do I renew my library card?",
    "authorId": USER_ID,
    "createdAt": "2026-01-31T12:10:00.000Z",
    "metadata": {},
}
_reply = {
    "id": REPLY_ID,
    "content": _text,
    "authorId": AGENT_ID,
    "createdAt": "2026-01-31T12:10:02.000Z",
    "metadata": {"thought": "A question about services.", "actions": ["REPLY"]},
}
_sent = {
    "success": True,
    "userMessage": _question,
    "sessionStatus": {
        "expiresAt": "2026-01-31T13:10:00.000Z",
        "renewalCount": 1,
        "wasRenewed": True,
        "isNearExpiration": False,
    },
}
_result = _sent | {
    "agentResponse": {
        "text": _text,
        "thought": "A question about services.",
        "actions": ["REPLY"],
    },
}
_reply_state = {
    "id": REPLY_ID,
    "userMessageId": MESSAGE_ID,
    "createdAt": _question["createdAt"],
    "finishedAt": _reply["createdAt"],
}
_health = {
    "status": "healthy",
    "activeSessions": 42,
    "expiringSoon": 3,
    "timestamp": STARTED,
    "uptime": 86_400.5,
}
_outcome = {"success": True, "message": "Session ended successfully"}


def _request(name: str, value: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


def _answer(name: str, value: dict[str, Any] | str) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True)


def _event(number: int, name: str, data: dict[str, Any]) -> str:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


CREATE_SESSION = _request(
    "Create a session",
    {
        "agentId": AGENT_ID,
        "userId": USER_ID,
        "metadata": _metadata,
        "timeoutConfig": {"timeoutMinutes": 60, "autoRenew": True},
    },
)
CREATED_SESSION = _answer("Created session", _created)
SESSION_INFO = _answer("Session", _info)
SESSION_LIST = _answer(
    "Only page of sessions",
    {
        "sessions": [_info],
        "total": 1,
        "stats": {"totalSessions": 3, "activeSessions": 1, "expiredSessions": 2},
        "hasMore": False,
        "nextCursor": None,
    },
)
CHANGE_TIMEOUTS = _request(
    "Longer, and with the inherited warning",
    {"timeoutMinutes": 120, "warningThresholdMinutes": None},
)
ENDED_SESSION = _answer("Ended session", _outcome | {"data": _outcome})
HEALTHY = _answer("Healthy", _health)
UNHEALTHY = _answer(
    "Database down",
    _health | {"status": "unhealthy", "activeSessions": 0, "expiringSoon": 0},
)
SEND_MESSAGE = _request("Reply over the socket", {"content": _question["content"]})
SEND_AND_WAIT = _request(
    "Reply in the answer",
    {
        "content": _question["content"],
        "transport": "http",
        "attachments": [
            {"type": "image", "url": "https://example.com/card.png", "name": "card.png"}
        ],
    },
)
SEND_AND_STREAM = _request(
    "Reply as a stream", {"content": _question["content"], "transport": "sse"}
)
SENT_MESSAGE = _answer("Message with its reply", _question | _result | {"data": _result})
UNANSWERED_MESSAGE = _answer(
    "Message whose reply is still to come", _question | _sent | {"data": _sent}
)
REPLY_STREAM = _answer(
    "Reply in two chunks",
    _event(0, "user_message", _question)
    + _event(1, "chunk", {"messageId": REPLY_ID, "chunk": _text[:15], "index": 0})
    + ": keep-alive\n\n"
    + _event(2, "chunk", {"messageId": REPLY_ID, "chunk": _text[15:], "index": 1})
    + _event(3, "done", _reply | {"isAgent": True}),
)
REPLY = _answer(
    "Complete reply",
    _reply_state
    | {
        "status": "complete",
        "usage": {"inputTokens": 120, "outputTokens": 9},
        "agentResponse": _result["agentResponse"],
    },
)
CANCELLED_REPLY = _answer(
    "Reply cancelled on the way",
    {
        "success": True,
        "data": _reply_state
        | {
            "status": "cancelled",
            "error": {"code": "REPLY_CANCELLED", "message": "The reply was cancelled."},
            "agentResponse": {"text": _text[:15], "incomplete": True},
        },
    },
)
MESSAGE_PAGE = _answer(
    "Newest page of a history",
    {
        "messages": [_reply | {"isAgent": True}, _question | {"isAgent": False}],
        "hasMore": False,
        "cursors": {"before": 1_769_861_400_000, "after": 1_769_861_402_000},
    },
)
