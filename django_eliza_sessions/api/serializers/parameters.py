"""What stands outside the bodies: query and path parameters, and headers of answers."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from django_eliza_sessions.services.idempotency import MAX_KEY_CHARACTERS
from django_eliza_sessions.services.overview import State


def _limit(default: int, maximum: int) -> OpenApiParameter:
    schema = {"type": "integer", "minimum": 1, "maximum": maximum, "default": default}
    return OpenApiParameter("limit", schema, description="How many items, at most.")


def _moment(name: str, description: str) -> OpenApiParameter:
    schema = {"anyOf": [{"type": "integer"}, {"type": "string", "format": "date-time"}]}
    description += " In milliseconds since the epoch, or ISO 8601."
    return OpenApiParameter(name, schema, description=description)


def rate_headers(*statuses: int) -> tuple[OpenApiParameter, ...]:
    """Return the headers that tell of a rate, on answers of some statuses."""
    return tuple(
        OpenApiParameter(
            f"RateLimit-{name}",
            {"type": "integer", "minimum": 0},
            OpenApiParameter.HEADER,
            description=f"{description} Only where requests are limited.",
            response=[*statuses, 429],
        )
        for name, description in (
            ("Limit", "How many requests a window of time allows."),
            ("Remaining", "How many are left of them."),
            ("Reset", "Seconds until the next window."),
        )
    )


ONE_SESSION = (
    OpenApiParameter(
        "sessionId",
        str,
        OpenApiParameter.PATH,
        description="The `sessionId`. What is no UUID is no session either: a 404.",
    ),
)
ONE_MESSAGE = (
    *ONE_SESSION,
    OpenApiParameter(
        "messageId",
        str,
        OpenApiParameter.PATH,
        description="The `id` of the user's message. What is no UUID is no message: a 404.",
    ),
)
IDEMPOTENCY = (
    OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS},
        OpenApiParameter.HEADER,
        description="A name of your own for this request: with the same one, a retry gets "
        "the first answer instead of doing it again.",
    ),
)
_LAST_EVENT_ID = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
RESUME = (
    OpenApiParameter(
        "Last-Event-ID",
        _LAST_EVENT_ID,
        OpenApiParameter.HEADER,
        description="The `id` of the last event the client has: the stream goes on after "
        "it. Without it, it starts at its beginning.",
    ),
    OpenApiParameter(
        "lastEventId",
        _LAST_EVENT_ID,
        description="The same, for clients that cannot set the header, which wins.",
    ),
)
SESSION_LIST = (
    _limit(default=100, maximum=1000),
    OpenApiParameter(
        "state",
        {
            "type": "string",
            "enum": [state.value for state in State],
            "default": State.ACTIVE.value,
        },
        description="Which sessions.",
    ),
    OpenApiParameter("agentId", OpenApiTypes.UUID, description="Only this agent's."),
    OpenApiParameter("userId", OpenApiTypes.UUID, description="Only this user's."),
    OpenApiParameter(
        "mine",
        {"type": "boolean", "default": False},
        description="Only the caller's own, which everybody may list.",
    ),
    OpenApiParameter("cursor", str, description="The `nextCursor` of the page before."),
)
MESSAGE_PAGE = (
    _limit(default=50, maximum=100),
    _moment("before", "Only messages before this time."),
    _moment("after", "Only messages after this time."),
)
REPLY_LOCATION = (
    OpenApiParameter(
        "Location",
        {"type": "string", "format": "uri-reference"},
        OpenApiParameter.HEADER,
        description="Where to follow the reply.",
        response=[202],
    ),
)
ERROR_HEADERS = (
    OpenApiParameter(
        "WWW-Authenticate",
        str,
        OpenApiParameter.HEADER,
        description="How to authenticate.",
        response=[401],
    ),
    OpenApiParameter(
        "Retry-After",
        int,
        OpenApiParameter.HEADER,
        description="Seconds to wait.",
        response=[429],
    ),
)
