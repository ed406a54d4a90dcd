"""What the ElizaOS project publishes about these operations is promised here too.

The table is that promise in short. More may be added to the document; nothing of this
may go, change its type, or become required.
"""

from typing import Any

import pytest

from tests.openapi.conformance import document, operations

BASE = "/api/messaging/sessions"
ONE = f"{BASE}/{{sessionId}}"
TIMEOUTS = {
    "timeoutMinutes": "integer",
    "autoRenew": "boolean",
    "maxDurationMinutes": "integer",
    "warningThresholdMinutes": "integer",
}
CREATED = {
    "sessionId": "string",
    "agentId": "uuid",
    "userId": "uuid",
    "createdAt": "date-time",
    "metadata": "object",
    "expiresAt": "date-time",
    "timeoutConfig": TIMEOUTS,
}
SESSION_INFO = CREATED | {
    "lastActivity": "date-time",
    "renewalCount": "integer",
    "timeRemaining": "integer",
    "isNearExpiration": "boolean",
}
MESSAGE = {
    "id": "string",
    "content": "string",
    "authorId": "uuid",
    "createdAt": "date-time",
    "metadata": "object",
}
ERROR = {
    "success": "boolean",
    "error": {"code": "string", "message": "string", "details": "string"},
}
#: operationId: method, path, success status and body, error statuses.
ANSWERS: dict[str, tuple[str, str, str, Any, str]] = {
    "createSession": ("POST", BASE, "201", CREATED, "400 404 500"),
    "listSessions": (
        "GET",
        BASE,
        "200",
        {
            "sessions": [SESSION_INFO],
            "total": "integer",
            "stats": {
                "totalSessions": "integer",
                "activeSessions": "integer",
                "expiredSessions": "integer",
            },
        },
        "",
    ),
    "getSessionsHealth": (
        "GET",
        f"{BASE}/health",
        "200",
        {
            "status": "string",
            "activeSessions": "integer",
            "timestamp": "date-time",
            "expiringSoon": "integer",
            "invalidSessions": "integer",
            "uptime": "number",
        },
        "",
    ),
    "getSession": ("GET", ONE, "200", SESSION_INFO, "404 410 500"),
    "endSession": ("DELETE", ONE, "200", {"message": "string"}, "404 500"),
    "renewSession": ("POST", f"{ONE}/renew", "200", SESSION_INFO, "404 410 422"),
    "updateSessionTimeout": (
        "PATCH",
        f"{ONE}/timeout",
        "200",
        SESSION_INFO,
        "400 404 410",
    ),
    "sessionHeartbeat": ("POST", f"{ONE}/heartbeat", "200", SESSION_INFO, "404 410"),
    "sendSessionMessage": (
        "POST",
        f"{ONE}/messages",
        "201",
        MESSAGE
        | {
            "sessionStatus": {
                "expiresAt": "date-time",
                "renewalCount": "integer",
                "wasRenewed": "boolean",
                "isNearExpiration": "boolean",
            }
        },
        "400 404 410 500",
    ),
    "getSessionMessages": (
        "GET",
        f"{ONE}/messages",
        "200",
        {
            "messages": [MESSAGE | {"isAgent": "boolean"}],
            "hasMore": "boolean",
            "cursors": {"before": "integer", "after": "integer"},
        },
        "404 410 500",
    ),
}
#: operationId: the fields of its request, and which of them it may insist on.
REQUESTS: dict[str, tuple[Any, set[str]]] = {
    "createSession": (
        {
            "agentId": "uuid",
            "userId": "uuid",
            "metadata": {
                "platform": "",
                "username": "",
                "discriminator": "",
                "avatar": "",
            },
            "timeoutConfig": TIMEOUTS,
        },
        {"agentId", "userId"},
    ),
    "updateSessionTimeout": (TIMEOUTS, set()),
    "sendSessionMessage": (
        {
            "content": "string",
            "attachments": [{"type": "string", "url": "string", "name": "string"}],
            "metadata": "object",
        },
        {"content"},
    ),
}
PARAMETERS = {"getSessionMessages": {"limit", "before", "after"}}


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, also one wrapped to be described or to be nullable."""
    while "properties" not in schema:
        if "$ref" in schema:
            schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif refs := [
            s for s in schema.get("oneOf", schema.get("allOf", [])) if "$ref" in s
        ]:
            schema = refs[0]
        else:
            break
    return schema


def assert_promises(schema: dict[str, Any], promise: Any, place: str) -> None:
    schema = resolve(schema)
    types = schema.get("type")
    kinds = {types} if isinstance(types, str) else set(types or ())
    match promise:
        case dict():
            assert "object" in kinds, place
            for name, inner in promise.items():
                assert name in schema["properties"], f"{place}.{name}"
                assert_promises(schema["properties"][name], inner, f"{place}.{name}")
        case [inner]:
            assert "array" in kinds, place
            assert_promises(schema["items"], inner, f"{place}[]")
        case "uuid" | "date-time":
            assert schema["format"] == promise, place
        case "":
            assert not kinds or "string" in kinds, place
        case _:
            assert promise in kinds, place


def json_schema(body: dict[str, Any]) -> dict[str, Any]:
    return body["content"]["application/json"]["schema"]


@pytest.mark.parametrize("name", ANSWERS)
def test_operation_is_where_it_was_published(name: str) -> None:
    method, path, operation = operations()[name]
    assert (method, path) == ANSWERS[name][:2]
    assert operation["tags"] == ["messaging"]


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_hold_what_was_published(name: str) -> None:
    _, _, status, body, errors = ANSWERS[name]
    responses = operations()[name][2]["responses"]
    assert_promises(json_schema(responses[status]), body, name)
    for error in errors.split():
        assert_promises(json_schema(responses[error]), ERROR, f"{name} {error}")


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_take_what_was_published(name: str) -> None:
    fields, required = REQUESTS[name]
    schema = json_schema(operations()[name][2]["requestBody"])
    assert_promises(schema, fields, name)
    assert set(resolve(schema).get("required", [])) == required


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_as_published(name: str) -> None:
    given = {
        p["name"]: p for p in operations()[name][2]["parameters"] if p["in"] == "query"
    }
    assert PARAMETERS[name] <= given.keys()
    assert not any(p.get("required") for p in given.values())
    assert given["limit"]["schema"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "default": 50,
    }


@pytest.mark.parametrize(
    ("name", "promise"), [("SessionInfo", SESSION_INFO), ("Error", ERROR)]
)
def test_components_keep_their_names(name: str, promise: Any) -> None:
    assert_promises(document()["components"]["schemas"][name], promise, name)
