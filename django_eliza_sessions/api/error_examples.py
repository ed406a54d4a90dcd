"""One example of each error an operation can answer, for the OpenAPI document.

They are real errors: the status, code and wording of each follow from its class.
"""

from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from django_eliza_sessions import exceptions as ours
from django_eliza_sessions.api import examples
from django_eliza_sessions.api.errors import error_body
from django_eliza_sessions.api.serializers.errors import ErrorSerializer
from django_eliza_sessions.services.lookup import session_not_found

EXPIRED_AT = datetime(2026, 1, 31, 13, tzinfo=UTC)

#: Every operation but health.
ANYWHERE = (
    ours.AuthenticationError("Send a valid X-API-KEY header, or log in."),
    ours.PermissionDeniedError("You may not do this."),
    ours.RateLimitError("Request was throttled. Expected available in 30 seconds."),
    ours.InternalServerError("The cause is in the server's log."),
)
#: Every operation that reads a body, wanted or not.
WITH_BODY = (
    ours.InvalidRequestError("body", "must be an object, got 7"),
    ours.PayloadTooLargeError("The body may have at most 1048576 bytes.", maximum=1048576),
    ours.UnsupportedMediaTypeError(
        "Send the body as JSON, with Content-Type: application/json."
    ),
)
#: The operations that the settings can limit.
LIMITED = ours.RateLimitError(
    "At most 10 requests of this kind may be made per minute by one caller; "
    "try again in 30 seconds.",
    counted="caller",
    limit=10,
    window_seconds=60,
    retry_after=30,
)
NO_SESSION = session_not_found(examples.SESSION_ID)
#: Every operation on a live session.
LIVE_SESSION = (
    NO_SESSION,
    ours.SessionExpiredError(
        f"Session {examples.SESSION_ID} expired at {EXPIRED_AT.isoformat()}.",
        session_id=examples.SESSION_ID,
        expires_at=EXPIRED_AT,
    ),
)
NO_AGENT = ours.AgentNotFoundError(f"There is no agent {examples.AGENT_ID}.")
NOT_CREATED = ours.SessionCreationError("The session could not be stored.")
MISSING_FIELDS = ours.MissingFieldsError(
    "agentId and userId", "must be given", fields=["agentId", "userId"]
)
BAD_UUID = ours.InvalidUuidError(
    "agent_id", f'must be a UUID such as {examples.AGENT_ID}, got "eliza"'
)
BAD_METADATA = ours.InvalidMetadataError("metadata", 'must be an object, got "web"')
BAD_TIMEOUT = ours.InvalidTimeoutConfigError(
    "timeout_minutes",
    "must be a whole number from 5 to 1440, got 2",
    minimum=5,
    maximum=1440,
)
AT_MAXIMUM = ours.SessionRenewalError(
    "The session already lasts until its maximum duration of 60 minutes.",
    session_id=examples.SESSION_ID,
    expires_at=EXPIRED_AT,
    max_duration_minutes=60,
)
BAD_CONTENT = ours.InvalidContentError("content", "must not be empty or only white space")
NOT_ANSWERED = ours.MessageSendError(
    "The message was stored, but the agent failed to answer it.",
    message_id=examples.MESSAGE_ID,
)
BUSY = ours.ReplyInProgressError(
    "The agent is still answering; wait for it, or cancel its reply.",
    session_id=examples.SESSION_ID,
)
KEY_REUSED = ours.IdempotencyKeyReusedError(
    "The idempotency key 7f3a was used for another request."
)
NO_MESSAGE = ours.NotFoundError(
    f"The session has no message {examples.MESSAGE_ID} of its user.",
    message_id=examples.MESSAGE_ID,
)
BAD_EVENT_ID = ours.InvalidRequestError(
    "last_event_id", 'must be the id of an event of this reply, got "last"'
)
FINISHED = ours.ReplyAlreadyCompleteError(
    "The reply is complete.", message_id=examples.MESSAGE_ID
)
BAD_LIMIT = ours.InvalidPaginationError(
    "limit", 'must be a whole number from 1 to 100, got "0"', minimum=1, maximum=100
)
BAD_STATE = ours.InvalidPaginationError(
    "state", 'must be one of active, expired, ended, all, got "lost"'
)


def error_responses(errors: tuple[ours.SessionsError, ...]) -> dict[int, OpenApiResponse]:
    """Return a response for each status among the errors, with them as its examples."""
    by_status: dict[int, list[ours.SessionsError]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {
        status: OpenApiResponse(
            ErrorSerializer,
            description=" ".join(_meaning(error) for error in group),
            examples=[
                OpenApiExample(type(error).__name__, value=_body(error)) for error in group
            ],
        )
        for status, group in sorted(by_status.items())
    }


def _meaning(error: ours.SessionsError) -> str:
    return (type(error).__doc__ or "").partition("\n")[0]


def _body(error: ours.SessionsError) -> dict[str, Any]:
    body = error_body(error)
    body["error"]["timestamp"] = examples.EXPIRES
    return body
