"""POST /api/messaging/sessions/{sessionId}/renew."""

import pytest
from django.db import connection

from django_eliza_sessions.models import Session
from tests.api.shapes import SESSION_INFO, error_of
from tests.conftest import minutes


def test_answers_the_renewed_session(api, clock, session):
    clock.shift(minutes(20))
    response = api.post(f"/{session.pk}/renew")
    assert response.status_code == 200
    info = response.json()
    assert info.keys() == SESSION_INFO
    assert info["renewalCount"] == 1
    assert info["expiresAt"] == "2026-01-01T12:50:00.000Z"
    assert info["lastActivity"] == "2026-01-01T12:20:00.000Z"
    assert info["timeRemaining"] == 30 * 60_000
    assert info == api.get(f"/{session.pk}").json()


@pytest.mark.parametrize("auto_renew", [True, False])
def test_works_whatever_auto_renew_says(api, session_factory, auto_renew):
    session = session_factory(timeouts={"auto_renew": auto_renew})
    assert api.post(f"/{session.pk}/renew").json()["renewalCount"] == 1


def test_counts_every_renewal(api, clock, session):
    for count in (1, 2, 3):
        assert api.post(f"/{session.pk}/renew", {}).json()["renewalCount"] == count


def test_stops_at_the_maximum_duration(api, session_factory, clock):
    session = session_factory(timeouts={"max_duration_minutes": 45})
    clock.shift(minutes(15) - minutes(1 / 60_000))
    assert api.post(f"/{session.pk}/renew").json()["expiresAt"] == (
        "2026-01-01T12:44:59.999Z"
    )
    clock.shift(minutes(1))
    assert api.post(f"/{session.pk}/renew").json()["expiresAt"] == (
        "2026-01-01T12:45:00.000Z"
    )


def test_is_refused_when_nothing_can_be_extended(api, session_factory, clock):
    session = session_factory(timeouts={"max_duration_minutes": 30})
    before = Session.objects.values().get()
    clock.shift(minutes(1))
    error = error_of(api.post(f"/{session.pk}/renew"), 422, "SessionRenewalError")
    assert error["code"] == "SESSION_RENEWAL_FAILED"
    assert error["context"] == {
        "sessionId": str(session.pk),
        "expiresAt": "2026-01-01T12:30:00.000Z",
        "maxDurationMinutes": 30,
    }
    assert Session.objects.values().get() == before


def test_needs_this_many_queries(api, session, django_assert_num_queries):
    # Two of them savepoints, in the test's transaction.
    with django_assert_num_queries(3 if connection.vendor == "postgresql" else 5):
        api.post(f"/{session.pk}/renew")
