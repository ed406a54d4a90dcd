"""The contract's shapes, and how the API tests look at answers."""

import re
import uuid
from typing import Any

import pytest

TIMEOUT_CONFIG = {
    "timeoutMinutes",
    "autoRenew",
    "maxDurationMinutes",
    "warningThresholdMinutes",
}
CREATED_SESSION = {
    "sessionId",
    "channelId",
    "agentId",
    "userId",
    "createdAt",
    "metadata",
    "expiresAt",
    "timeoutConfig",
}
SESSION_INFO = CREATED_SESSION | {
    "lastActivity",
    "renewalCount",
    "timeRemaining",
    "isNearExpiration",
}
USER_MESSAGE = {"id", "content", "authorId", "createdAt", "metadata"}
HISTORY_MESSAGE = USER_MESSAGE | {"isAgent"}
PARTS = {"success", "userMessage", "sessionStatus"}
SESSION_STATUS = {"expiresAt", "renewalCount", "wasRenewed", "isNearExpiration"}
ERROR = {"code", "message", "details", "type", "timestamp"}

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

#: Every route below a session: the method, what follows the id, and a good body.
ROUTES = {
    "get": ("GET", "", None),
    "end": ("DELETE", "", None),
    "renew": ("POST", "/renew", None),
    "timeout": ("PATCH", "/timeout", {}),
    "heartbeat": ("POST", "/heartbeat", None),
    "send": ("POST", "/messages", {"content": "Hello", "transport": "http"}),
    "history": ("GET", "/messages", None),
}
every_route = pytest.mark.parametrize(
    ("method", "below", "body"), ROUTES.values(), ids=ROUTES
)

#: Strings that PostgreSQL or UTF-8 cannot hold, as JSON escapes.
UNSTORABLE = {
    "NUL": "\x00",
    "high surrogate": "\ud83d",
    "low surrogate": "\ude00",
    "swapped pair": "\ude00\ud83d",
}


def assert_timestamp(text: str) -> None:
    assert TIMESTAMP.fullmatch(text), text


def assert_uuid(text: str) -> None:
    assert str(uuid.UUID(text)) == text


def error_of(response: Any, status: int, kind: str) -> Any:
    """Return the error of an answer that has this status, type, and the one shape."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert body.keys() == {"success", "error"}
    assert body["success"] is False
    error = body["error"]
    assert error.keys() - {"context"} == ERROR
    assert all(isinstance(error[key], str) and error[key] for key in ERROR)
    assert_timestamp(error["timestamp"])
    assert error["type"] == kind
    assert b"Traceback" not in response.content
    return error
