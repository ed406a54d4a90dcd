"""POST /api/messaging/sessions/{sessionId}/heartbeat."""

from django.db import connection

from tests.api.shapes import SESSION_INFO
from tests.conftest import minutes


def test_renews_a_session_that_renews_itself(api, clock, session):
    clock.shift(minutes(20))
    response = api.post(f"/{session.pk}/heartbeat")
    assert response.status_code == 200
    info = response.json()
    assert info.keys() == SESSION_INFO
    assert info["renewalCount"] == 1
    assert info["lastActivity"] == "2026-01-01T12:20:00.000Z"
    assert info["expiresAt"] == "2026-01-01T12:50:00.000Z"
    assert info == api.get(f"/{session.pk}").json()


def test_only_notes_the_activity_of_another(api, session_factory, clock):
    session = session_factory(timeouts={"auto_renew": False})
    clock.shift(minutes(20))
    info = api.post(f"/{session.pk}/heartbeat", {}).json()
    assert info["renewalCount"] == 0
    assert info["lastActivity"] == "2026-01-01T12:20:00.000Z"
    assert info["expiresAt"] == "2026-01-01T12:30:00.000Z"


def test_adds_nothing_at_the_maximum_duration(api, session_factory, clock):
    session = session_factory(timeouts={"max_duration_minutes": 30})
    clock.shift(minutes(20))
    info = api.post(f"/{session.pk}/heartbeat").json()
    assert info["renewalCount"] == 0
    assert info["lastActivity"] == "2026-01-01T12:20:00.000Z"
    assert info["expiresAt"] == "2026-01-01T12:30:00.000Z"


def test_needs_this_many_queries(api, session, django_assert_num_queries):
    # In a transaction: savepoint, update, release. SQLite cannot tell what is locked, so
    # there it looks at the session, too.
    with django_assert_num_queries(3 if connection.vendor == "postgresql" else 4):
        api.post(f"/{session.pk}/heartbeat")
