"""PATCH /api/messaging/sessions/{sessionId}/timeout."""

import pytest

from django_eliza_sessions.models import Session
from tests.api.shapes import SESSION_INFO, error_of
from tests.api.test_create_session import RANGES
from tests.conftest import minutes


def test_answers_the_changed_session(api, clock, session):
    clock.shift(minutes(1))
    response = api.patch(f"/{session.pk}/timeout", {"timeoutMinutes": 60})
    assert response.status_code == 200
    info = response.json()
    assert info.keys() == SESSION_INFO
    assert info["timeoutConfig"]["timeoutMinutes"] == 60
    assert info["expiresAt"] == "2026-01-01T13:00:00.000Z"
    assert info["lastActivity"] == "2026-01-01T12:00:00.000Z"
    assert info["renewalCount"] == 0
    assert info == api.get(f"/{session.pk}").json()


def test_merges_field_by_field(api, session_factory):
    session = session_factory(timeouts={"timeout_minutes": 50, "auto_renew": False})
    info = api.patch(f"/{session.pk}/timeout", {"warningThresholdMinutes": 7}).json()
    assert info["timeoutConfig"] == {
        "timeoutMinutes": 50,
        "autoRenew": False,
        "maxDurationMinutes": 720,
        "warningThresholdMinutes": 7,
    }


@pytest.mark.parametrize("body", [None, {}, {"timeout": 5, "unknown": None}], ids=str)
def test_changes_nothing_when_nothing_is_given(api, clock, session, body):
    before = Session.objects.values().get()
    clock.shift(minutes(1))
    response = api.patch(f"/{session.pk}/timeout", body)
    assert response.status_code == 200
    assert Session.objects.values().get() == before


def test_null_puts_a_field_back_to_inherited(api, agent_factory, session_factory):
    agent = agent_factory(timeout_minutes=44)
    session = session_factory(
        agent_id=agent.pk, timeouts={"timeout_minutes": 99, "max_duration_minutes": 99}
    )
    info = api.patch(
        f"/{session.pk}/timeout", {"timeoutMinutes": None, "maxDurationMinutes": None}
    ).json()
    assert info["timeoutConfig"]["timeoutMinutes"] == 44
    assert info["timeoutConfig"]["maxDurationMinutes"] == 720


def test_never_undoes_a_renewal(api, clock, session):
    clock.shift(minutes(20))
    api.post(f"/{session.pk}/renew")
    info = api.patch(f"/{session.pk}/timeout", {"timeoutMinutes": 31}).json()
    assert info["expiresAt"] == "2026-01-01T12:51:00.000Z"
    assert info["renewalCount"] == 1


@pytest.mark.parametrize("field", ["timeoutMinutes", "maxDurationMinutes"])
def test_never_expires_a_session_at_once(api, clock, session, field):
    clock.shift(minutes(10))
    before = Session.objects.values().get()
    response = api.patch(f"/{session.pk}/timeout", {field: 10})
    error = error_of(response, 400, "InvalidTimeoutConfigError")
    assert error["code"] == "VALIDATION_ERROR"
    assert error["context"]["expiresAt"] == "2026-01-01T12:10:00.000Z"
    assert Session.objects.values().get() == before
    assert api.patch(f"/{session.pk}/timeout", {field: 11}).json()["timeRemaining"] == (
        60_000
    )


@pytest.mark.parametrize(
    ("field", "value"), [(field, end) for field, ends in RANGES.items() for end in ends]
)
def test_takes_both_ends_of_a_range(api, clock, session, field, value):
    info = api.patch(f"/{session.pk}/timeout", {field: value}).json()
    assert info["timeoutConfig"][field] == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (field, value)
        for field, (low, high) in RANGES.items()
        for value in (low - 1, high + 1, low + 0.5, 10**30, str(low), True, [], {})
    ],
)
def test_refuses_what_is_outside(api, session, field, value):
    before = Session.objects.values().get()
    response = api.patch(f"/{session.pk}/timeout", {field: value, "autoRenew": False})
    error = error_of(response, 400, "InvalidTimeoutConfigError")
    low, high = RANGES[field]
    assert error["context"] == {"field": field, "minimum": low, "maximum": high}
    assert Session.objects.values().get() == before


@pytest.mark.parametrize("value", [0, 1, "true", [], {}], ids=repr)
def test_refuses_auto_renew_that_is_no_boolean(api, session, value):
    response = api.patch(f"/{session.pk}/timeout", {"autoRenew": value})
    error = error_of(response, 400, "InvalidTimeoutConfigError")
    assert error["context"] == {"field": "autoRenew"}


def test_needs_this_many_queries(api, session, django_assert_num_queries):
    with django_assert_num_queries(5):
        api.patch(f"/{session.pk}/timeout", {"timeoutMinutes": 60})
