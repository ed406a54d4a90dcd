"""Everything that can go wrong, with its code and status (contract, "Errors").

SessionsError
├── InvalidInputError                400  VALIDATION_ERROR
│   ├── InvalidRequestError
│   ├── InvalidUuidError
│   ├── MissingFieldsError
│   ├── InvalidContentError
│   ├── InvalidMetadataError
│   ├── InvalidPaginationError
│   └── InvalidTimeoutConfigError
├── AuthenticationError              401  UNAUTHORIZED
├── PermissionDeniedError            403  FORBIDDEN
├── NotFoundError                    404  NOT_FOUND
├── SessionNotFoundError             404  SESSION_NOT_FOUND
├── AgentNotFoundError               404  AGENT_NOT_FOUND
├── MethodNotAllowedError            405  METHOD_NOT_ALLOWED
├── ReplyInProgressError             409  REPLY_IN_PROGRESS
├── ReplyAlreadyCompleteError        409  REPLY_ALREADY_COMPLETE
├── SessionExpiredError              410  SESSION_EXPIRED
├── PayloadTooLargeError             413  PAYLOAD_TOO_LARGE
├── UnsupportedMediaTypeError        415  UNSUPPORTED_MEDIA_TYPE
├── SessionRenewalError              422  SESSION_RENEWAL_FAILED
├── IdempotencyKeyReusedError        422  IDEMPOTENCY_KEY_REUSED
├── RateLimitError                   429  RATE_LIMIT_EXCEEDED
├── SessionCreationError             500  SESSION_CREATION_FAILED
├── MessageSendError                 500  MESSAGE_SEND_FAILED
└── InternalServerError              500  INTERNAL_SERVER_ERROR
"""

import json
from typing import ClassVar


def quote(value: object) -> str:
    """Return a client's value as it may stand in an error: JSON in ASCII, cut short."""
    text = json.dumps(value, default=repr)
    return text if len(text) <= 80 else f"{text[:77]}..."


class SessionsError(Exception):
    """Base of every error of this app.

    ``details`` says what is wrong in this case and what is allowed; ``context`` has the
    same facts for machines.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    message: ClassVar[str]

    def __init__(self, details: str, **context: object) -> None:
        super().__init__(details)
        self.details = details
        self.context = context


class InvalidInputError(SessionsError):
    """Something a client sent is not allowed.

    ``field`` is in Python spelling, and ``problem`` reads on after it, so that a door
    can call the field by its clients' name.
    """

    code = "VALIDATION_ERROR"
    status = 400
    message = "Invalid input"

    def __init__(self, field: str, problem: str, **context: object) -> None:
        super().__init__(f"{field} {problem}", field=field, **context)
        self.field = field
        self.problem = problem


class InvalidRequestError(InvalidInputError):
    """The request as a whole cannot be understood."""

    message = "Invalid request"


class InvalidUuidError(InvalidInputError):
    """A field is not a UUID in its canonical form."""

    message = "Invalid UUID"


class MissingFieldsError(InvalidInputError):
    """A required field is absent or null."""

    message = "Missing required fields"


class InvalidContentError(InvalidInputError):
    """A message's content, attachments or transport is not allowed."""

    message = "Invalid message content"


class InvalidMetadataError(InvalidInputError):
    """Metadata is not an object, is too large, or cannot be stored."""

    message = "Invalid metadata"


class InvalidPaginationError(InvalidInputError):
    """A limit, cursor or filter of a page is not allowed."""

    message = "Invalid pagination"


class InvalidTimeoutConfigError(InvalidInputError):
    """A timeout value is out of range, of the wrong type, or already past."""

    message = "Invalid timeout configuration"


class AuthenticationError(SessionsError):
    """The caller did not prove who they are."""

    code = "UNAUTHORIZED"
    status = 401
    message = "Authentication required"


class PermissionDeniedError(SessionsError):
    """The caller is known and may not do this."""

    code = "FORBIDDEN"
    status = 403
    message = "Permission denied"


class NotFoundError(SessionsError):
    """There is nothing at this address."""

    code = "NOT_FOUND"
    status = 404
    message = "Not found"


class SessionNotFoundError(SessionsError):
    """There is no such session, it was ended, or it is somebody else's."""

    code = "SESSION_NOT_FOUND"
    status = 404
    message = "Session not found"


class AgentNotFoundError(SessionsError):
    """There is no such agent, or it is disabled."""

    code = "AGENT_NOT_FOUND"
    status = 404
    message = "Agent not found"


class MethodNotAllowedError(SessionsError):
    """The address does not know this method."""

    code = "METHOD_NOT_ALLOWED"
    status = 405
    message = "Method not allowed"


class ReplyInProgressError(SessionsError):
    """The agent answers another message, and refuses more meanwhile."""

    code = "REPLY_IN_PROGRESS"
    status = 409
    message = "A reply is in progress"


class ReplyAlreadyCompleteError(SessionsError):
    """The reply is finished, so there is nothing to cancel."""

    code = "REPLY_ALREADY_COMPLETE"
    status = 409
    message = "The reply is already complete"


class SessionExpiredError(SessionsError):
    """The session's deadline has passed."""

    code = "SESSION_EXPIRED"
    status = 410
    message = "Session has expired"


class PayloadTooLargeError(SessionsError):
    """The body is larger than the limit."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413
    message = "Payload too large"


class UnsupportedMediaTypeError(SessionsError):
    """The body is not declared as JSON."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415
    message = "Unsupported media type"


class SessionRenewalError(SessionsError):
    """The session already ends at its maximum duration."""

    code = "SESSION_RENEWAL_FAILED"
    status = 422
    message = "Session cannot be renewed"


class IdempotencyKeyReusedError(SessionsError):
    """The caller's idempotency key stands for another request."""

    code = "IDEMPOTENCY_KEY_REUSED"
    status = 422
    message = "Idempotency key was used for another request"


class RateLimitError(SessionsError):
    """The caller asks too often."""

    code = "RATE_LIMIT_EXCEEDED"
    status = 429
    message = "Too many requests"


class SessionCreationError(SessionsError):
    """The session could not be stored."""

    code = "SESSION_CREATION_FAILED"
    status = 500
    message = "Session could not be created"


class MessageSendError(SessionsError):
    """The message could not be stored, or its inline reply failed."""

    code = "MESSAGE_SEND_FAILED"
    status = 500
    message = "Message could not be sent"


class InternalServerError(SessionsError):
    """Anything unexpected; the cause is in the server's log only."""

    code = "INTERNAL_SERVER_ERROR"
    status = 500
    message = "Internal server error"
