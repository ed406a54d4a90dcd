"""The one shape of errors, whatever went wrong."""

import logging

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.signals import got_request_exception
from django.http import Http404
from django.test import Client
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions as drf
from rest_framework.authentication import BaseAuthentication

from django_eliza_sessions.api.views.sessions import SessionViewSet
from django_eliza_sessions.exceptions import PermissionDeniedError
from tests.api.shapes import error_of
from tests.conftest import Api


@pytest.fixture
def api_raising(db, monkeypatch):
    """Let the host project's authentication raise an error."""

    def make(error: Exception) -> Api:
        class Raising(BaseAuthentication):
            def authenticate(self, request):
                raise error

            def authenticate_header(self, request):
                return "Raising"

        monkeypatch.setattr(SessionViewSet, "authentication_classes", (Raising,))
        return Api(Client(raise_request_exception=False))

    return make


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (drf.NotAuthenticated(), 401, "AuthenticationError", "UNAUTHORIZED"),
        (drf.AuthenticationFailed("No."), 401, "AuthenticationError", "UNAUTHORIZED"),
        (drf.PermissionDenied("No."), 403, "PermissionDeniedError", "FORBIDDEN"),
        (PermissionDenied("secret"), 403, "PermissionDeniedError", "FORBIDDEN"),
        (drf.NotFound(), 404, "NotFoundError", "NOT_FOUND"),
        (Http404("secret"), 404, "NotFoundError", "NOT_FOUND"),
        (drf.Throttled(wait=7), 429, "RateLimitError", "RATE_LIMIT_EXCEEDED"),
        (drf.ParseError(), 400, "InvalidRequestError", "VALIDATION_ERROR"),
        (drf.ValidationError({"a": "b"}), 400, "InvalidRequestError", "VALIDATION_ERROR"),
        (drf.NotAcceptable(), 400, "InvalidRequestError", "VALIDATION_ERROR"),
        (SuspiciousOperation("secret"), 400, "InvalidRequestError", "VALIDATION_ERROR"),
        (drf.APIException("secret"), 500, "InternalServerError", "INTERNAL_SERVER_ERROR"),
        (ValueError("secret"), 500, "InternalServerError", "INTERNAL_SERVER_ERROR"),
        (RecursionError("secret"), 500, "InternalServerError", "INTERNAL_SERVER_ERROR"),
    ],
    ids=repr,
)
def test_is_the_same_for_errors_of_others(api_raising, error, status, kind, code):
    response = api_raising(error).get("")
    assert error_of(response, status, kind)["code"] == code
    assert b"secret" not in response.content


def test_a_project_may_raise_ours_in_its_languages(api_raising):
    # In words that nobody has translated, whatever the language is.
    error = PermissionDeniedError(_("Not so."), reason=_("Because."))
    body = error_of(api_raising(error).get(""), 403, "PermissionDeniedError")
    assert (body["details"], body["context"]) == ("Not so.", {"reason": "Because."})


def test_a_throttled_caller_learns_how_long_to_wait(api_raising):
    assert api_raising(drf.Throttled(wait=7)).get("")["Retry-After"] == "7"


def test_the_unexpected_is_logged_and_told_to_error_reporters(api_raising, caplog):
    told = []

    def reporter(sender, request, **kwargs):
        told.append(request.path)

    got_request_exception.connect(reporter)
    try:
        api_raising(ValueError("secret")).get("")
    finally:
        got_request_exception.disconnect(reporter)
    assert told == ["/api/messaging/sessions"]
    (record,) = [r for r in caplog.records if r.name.startswith("django_eliza")]
    assert record.levelno == logging.ERROR
    assert "secret" in caplog.text


def test_what_a_client_did_wrong_is_not_logged_as_an_error(api, caplog):
    api.post("", b"{")
    assert all(record.levelno < logging.ERROR for record in caplog.records)


def test_quotes_little_of_what_was_sent(api, session):
    response = api.post(f"/{session.pk}/messages", {"content": ["<b>" * 100_000]})
    assert len(response.content) < 1000


def test_time_is_the_clocks(clock, api):
    error = error_of(api.get("/nowhere/at/all"), 404, "NotFoundError")
    assert error["timestamp"] == "2026-01-01T12:00:00.000Z"
    assert error == {
        "code": "NOT_FOUND",
        "message": "Not found",
        "details": 'There is nothing at "/api/messaging/sessions/nowhere/at/all".',
        "type": "NotFoundError",
        "timestamp": "2026-01-01T12:00:00.000Z",
    }
