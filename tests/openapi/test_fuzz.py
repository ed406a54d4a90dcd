"""Requests made up from the OpenAPI document, valid and not, against the real app."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.answering import answer_reply
from django_eliza_sessions.services.messages import send_message
from tests.openapi.conformance import STREAM

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

config = schemathesis.Config(seed=1)
schema = schemathesis.openapi.from_wsgi(
    "/api/schema/?format=json", get_wsgi_application(), config=config
)


@pytest.fixture(autouse=True)
def _keep_connection() -> Iterator[None]:
    """As Django's test client does: requests must not close the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


bounded = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@schema.parametrize()
@bounded
def test_answers_strangers_as_documented(case: Any, db: None) -> None:
    case.call_and_validate(checks=CHECKS)


def answer_at_once(reply_id: UUID) -> None:
    """Be a ``REPLY_DISPATCHER`` that leaves no thread behind."""
    answer_reply(reply_id=reply_id)


@pytest.fixture
def message(transactional_db: None, configure: Callable[..., None], session: Any) -> Any:
    """A message with its reply, without a transaction: streams are read beside it."""
    configure(REPLY_DISPATCHER=f"{__name__}.answer_at_once")
    return send_message(principal=SYSTEM, session_id=session.pk, content="Hello").message


@schema.parametrize()
@bounded
def test_answers_guests_as_documented(case: Any, agent: Any, message: Any) -> None:
    """The same, where agent, session and message exist."""
    if "sessionId" in case.path_parameters:
        case.path_parameters["sessionId"] = str(message.session_id)
    if "messageId" in case.path_parameters:
        case.path_parameters["messageId"] = str(message.pk)
    if isinstance(case.body, dict) and "agentId" in case.body:
        case.body["agentId"] = str(agent.pk)
    if "Last-Event-ID" in case.headers:
        case.headers["Accept"] = STREAM
    case.call_and_validate(checks=CHECKS)
