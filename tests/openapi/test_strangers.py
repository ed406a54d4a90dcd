"""Two callers: whatever B asks of A's sessions is answered as for ids that nobody has."""

import uuid
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application

from django_eliza_sessions.models import Message, Session
from django_eliza_sessions.services import keys
from django_eliza_sessions.services.access import principal_of_key
from django_eliza_sessions.services.lifecycle import create_session
from django_eliza_sessions.services.messages import send_message
from tests.openapi.test_fuzz import _keep_connection, bounded, config

__all__ = ["_keep_connection"]
schema = schemathesis.openapi.from_wsgi(
    "/api/schema/?format=json", get_wsgi_application(), config=config
).include(path_regex="sessionId")


@pytest.fixture
def message(agent: Any, configure: Any) -> Message:
    """What A's agent was told; access is by key from here on."""
    configure(ACCESS="key")
    key, text = keys.create_key(name="A")
    principal = principal_of_key(text)
    session = create_session(principal=principal, agent_id=agent.pk, user_id=key.user_id)
    return send_message(
        principal=principal, session_id=session.pk, content="Hello", transport="http"
    ).message


@pytest.fixture
def stranger(message: Message) -> str:
    """B's key."""
    return keys.create_key(name="B", may_act_as=True)[1]


def told(response: Any, session_id: object) -> tuple[int, str]:
    text: str = response.text.partition('"timestamp"')[0]
    return response.status_code, text.replace(str(session_id), "…")


@schema.parametrize()
@bounded
def test_a_stranger_learns_nothing(case: Any, message: Message, stranger: str) -> None:
    """The same 404, or the same complaint about the request itself; and no change."""
    case.headers["X-API-KEY"] = stranger
    if "messageId" in case.path_parameters:
        case.path_parameters["messageId"] = str(message.pk)
    before = list(Session.objects.values()), Message.objects.count()
    answers = []
    for session_id in (message.session_id, uuid.uuid4()):
        case.path_parameters["sessionId"] = str(session_id)
        answers.append(told(case.call(), session_id))
    assert answers[0] == answers[1]
    # What methods there are, the documentation tells, too.
    assert answers[0][0] in (400, 404, 405, 415) or answers[0] == (200, "")
    assert (list(Session.objects.values()), Message.objects.count()) == before
