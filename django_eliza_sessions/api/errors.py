"""From any error to the contract's one shape ("Errors")."""

import logging
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.signals import got_request_exception
from django.http import Http404, HttpResponse
from django.utils.functional import Promise
from rest_framework import exceptions as drf

from django_eliza_sessions import exceptions as ours
from django_eliza_sessions.api.body import answer
from django_eliza_sessions.services import clock
from django_eliza_sessions.wire import camel, timestamp

logger = logging.getLogger(__name__)


def handle_exception(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """Return the response to an error; the exception handler of our views alone."""
    known = _translate(error)
    if known.status >= 500:
        logger.error("%s: %s", known.message, known.details, exc_info=error)
        got_request_exception.send(sender=type(context["view"]), request=context["request"])
    return answer(error_body(known), status=known.status, headers=_headers(error, context))


def error_body(error: ours.SessionsError) -> dict[str, Any]:
    """Return an error as the contract shapes it."""
    details = str(error.details)
    facts = {camel(name): _fact(value) for name, value in error.context.items()}
    if isinstance(error, ours.InvalidInputError):
        facts["field"] = camel(error.field)
        details = f"{facts['field']} {error.problem}"
    body: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "details": details,
        "type": type(error).__name__,
        "timestamp": timestamp(clock.now()),
    }
    if facts:
        body["context"] = facts
    return {"success": False, "error": body}


def _fact(value: object) -> object:
    if isinstance(value, Promise):
        return str(value)
    return timestamp(value) if isinstance(value, datetime) else value


def _headers(error: Exception, context: dict[str, Any]) -> dict[str, str]:
    headers = {}
    if isinstance(error, drf.MethodNotAllowed):
        headers["Allow"] = ", ".join(context["view"].allowed_methods)
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, ours.AuthenticationError):
        headers["WWW-Authenticate"] = "X-API-KEY"
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = f"{wait:.0f}"
    if isinstance(error, ours.RateLimitError):
        headers |= _refusal_headers(error.context)
    return headers


def _refusal_headers(facts: dict[str, Any]) -> dict[str, str]:
    headers = {}
    if "retry_after" in facts:
        headers["Retry-After"] = str(facts["retry_after"])
    if "window_seconds" in facts:
        headers |= rate_headers(facts["limit"], 0, facts["retry_after"])
    return headers


def rate_headers(limit: int, remaining: int, reset: int) -> dict[str, str]:
    """Return what tells a client about a rate, as the released server's middleware does.

    They are those of the IETF's draft "RateLimit header fields for HTTP", version 6.

    Args:
        limit: How often per window.
        remaining: How often in what is left of this window.
        reset: Seconds until the next window.
    """
    return {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(reset),
    }


#: What stands for which error of DRF's or Django's; ``None`` keeps its own details.
_TRANSLATIONS: tuple[
    tuple[tuple[type[Exception], ...], type[ours.SessionsError], str | None], ...
] = (
    ((drf.AuthenticationFailed, drf.NotAuthenticated), ours.AuthenticationError, None),
    ((drf.PermissionDenied,), ours.PermissionDeniedError, None),
    ((PermissionDenied,), ours.PermissionDeniedError, "You may not do this."),
    ((drf.Throttled,), ours.RateLimitError, None),
    ((drf.MethodNotAllowed,), ours.MethodNotAllowedError, None),
    (
        (drf.NotFound, Http404),
        ours.NotFoundError,
        "There is nothing at this address.",
    ),
)


def _translate(error: Exception) -> ours.SessionsError:
    """Return our error for one of ours, DRF's, Django's, or anything unexpected."""
    if isinstance(error, ours.SessionsError):
        return error
    for theirs, our, details in _TRANSLATIONS:
        if isinstance(error, theirs):
            return our(str(error) if details is None else details)
    refused = isinstance(error, drf.APIException) and error.status_code < 500
    if refused or isinstance(error, SuspiciousOperation):
        return ours.InvalidRequestError("request", "was refused")
    return ours.InternalServerError("The cause is in the server's log.")
