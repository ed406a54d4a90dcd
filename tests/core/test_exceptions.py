"""The error classes are the contract's table."""

import inspect

import pytest

from django_eliza_sessions import exceptions
from django_eliza_sessions.exceptions import InvalidContentError, SessionsError, quote

TABLE = [
    ("SessionNotFoundError", "SESSION_NOT_FOUND", 404),
    ("SessionExpiredError", "SESSION_EXPIRED", 410),
    ("SessionCreationError", "SESSION_CREATION_FAILED", 500),
    ("AgentNotFoundError", "AGENT_NOT_FOUND", 404),
    ("InvalidUuidError", "VALIDATION_ERROR", 400),
    ("MissingFieldsError", "VALIDATION_ERROR", 400),
    ("InvalidContentError", "VALIDATION_ERROR", 400),
    ("InvalidMetadataError", "VALIDATION_ERROR", 400),
    ("InvalidPaginationError", "VALIDATION_ERROR", 400),
    ("InvalidTimeoutConfigError", "VALIDATION_ERROR", 400),
    ("InvalidRequestError", "VALIDATION_ERROR", 400),
    ("SessionRenewalError", "SESSION_RENEWAL_FAILED", 422),
    ("MessageSendError", "MESSAGE_SEND_FAILED", 500),
    ("RateLimitError", "RATE_LIMIT_EXCEEDED", 429),
    ("AuthenticationError", "UNAUTHORIZED", 401),
    ("PermissionDeniedError", "FORBIDDEN", 403),
    ("MethodNotAllowedError", "METHOD_NOT_ALLOWED", 405),
    ("UnsupportedMediaTypeError", "UNSUPPORTED_MEDIA_TYPE", 415),
    ("PayloadTooLargeError", "PAYLOAD_TOO_LARGE", 413),
    ("NotFoundError", "NOT_FOUND", 404),
    ("InternalServerError", "INTERNAL_SERVER_ERROR", 500),
]
CLASSES = {
    name: member
    for name, member in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(member, SessionsError)
}


@pytest.mark.parametrize(("name", "code", "status"), TABLE)
def test_code_and_status(name, code, status):
    assert (CLASSES[name].code, CLASSES[name].status) == (code, status)


def test_every_class_has_its_own_message():
    messages = [error.message for error in CLASSES.values() if hasattr(error, "message")]

    assert len(set(messages)) == len(messages)


def test_tree_in_the_docstring_is_the_real_one():
    drawn = {
        line.split("── ")[1].split()[0]
        for line in exceptions.__doc__.splitlines()
        if "──" in line
    }

    assert drawn == CLASSES.keys() - {"SessionsError"}


def test_invalid_input_keeps_field_and_problem_apart():
    error = InvalidContentError("content", "must not be empty", maximum=1)

    assert error.details == str(error) == "content must not be empty"
    assert error.context == {"field": "content", "maximum": 1}


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        pytest.param(None, "null", id="null"),
        pytest.param("é", '"\\u00e9"', id="ascii"),
        pytest.param("\ud800", '"\\ud800"', id="surrogate"),
        pytest.param("x" * 78, f'"{"x" * 78}"', id="longest"),
        pytest.param("x" * 79, f'"{"x" * 76}...', id="cut"),
        pytest.param(b"x", "\"b'x'\"", id="no-json"),
    ],
)
def test_quote(value, quoted):
    assert quote(value) == quoted
