"""DELETE /api/messaging/sessions/{sessionId}."""

import pytest

from django_eliza_sessions.models import Event, Message, Session
from django_eliza_sessions.services import sweep
from tests.api.shapes import error_of
from tests.conftest import minutes

ENDED = {"success": True, "message": "Session ended successfully"}


def test_answers_exactly_this(api, session):
    response = api.delete(f"/{session.pk}")
    assert response.status_code == 200
    assert response.json() == ENDED | {"data": ENDED}


def test_keeps_the_messages_for_the_operator(api, session):
    api.post(f"/{session.pk}/messages", {"content": "Hello", "transport": "http"})
    api.delete(f"/{session.pk}")
    assert Message.objects.count() == 2
    assert Session.objects.get().close_reason == "ended"


@pytest.mark.parametrize("swept", [False, True])
def test_ends_an_expired_session_too(api, clock, session, swept):
    clock.shift(minutes(31))
    if swept:
        sweep.sweep_sessions()
    assert api.delete(f"/{session.pk}").status_code == 200
    error_of(api.get(f"/{session.pk}"), 404, "SessionNotFoundError")
    kinds = Event.objects.order_by("sequence").values_list("kind", flat=True)
    assert list(kinds) == ["created", "expired", "ended"]


def test_works_once(api, session):
    api.delete(f"/{session.pk}")
    before = Session.objects.values().get()
    error_of(api.delete(f"/{session.pk}"), 404, "SessionNotFoundError")
    assert Session.objects.values().get() == before


def test_takes_any_json_object_as_body(api, session):
    response = api._send("DELETE", f"/{session.pk}", {"reason": "bored"})
    assert response.status_code == 200


def test_needs_this_many_queries(api, session, django_assert_num_queries):
    with django_assert_num_queries(7):
        api.delete(f"/{session.pk}")
