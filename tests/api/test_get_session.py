"""GET /api/messaging/sessions/{sessionId}, and what all routes of one session share."""

import uuid
from datetime import timedelta

import pytest

from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle, sweep
from tests.api.shapes import SESSION_INFO, TIMEOUT_CONFIG, error_of, every_route
from tests.conftest import minutes


class TestAnswer:
    def test_has_exactly_the_documented_shape(self, api, clock, session):
        clock.shift(minutes(1))
        info = api.get(f"/{session.pk}").json()
        assert info.keys() == SESSION_INFO
        assert info["timeoutConfig"].keys() == TIMEOUT_CONFIG
        assert info == {
            "sessionId": str(session.pk),
            "channelId": str(session.channel_id),
            "agentId": str(session.agent_id),
            "userId": str(session.user_id),
            "createdAt": "2026-01-01T12:00:00.000Z",
            "lastActivity": "2026-01-01T12:00:00.000Z",
            "metadata": {},
            "expiresAt": "2026-01-01T12:30:00.000Z",
            "timeoutConfig": {
                "timeoutMinutes": 30,
                "autoRenew": True,
                "maxDurationMinutes": 720,
                "warningThresholdMinutes": 5,
            },
            "renewalCount": 0,
            "timeRemaining": 29 * 60_000,
            "isNearExpiration": False,
        }

    @pytest.mark.parametrize(
        ("later", "near"),
        [
            (timedelta(0), False),
            (minutes(25) - timedelta(milliseconds=1), False),
            (minutes(25), True),
            (minutes(30) - timedelta(milliseconds=1), True),
        ],
        ids=str,
    )
    def test_tells_when_the_end_is_near(self, api, clock, session, later, near):
        clock.shift(later)
        info = api.get(f"/{session.pk}").json()
        assert info["isNearExpiration"] is near
        assert info["timeRemaining"] == (minutes(30) - later) / timedelta(milliseconds=1)
        assert type(info["timeRemaining"]) is int

    def test_is_near_its_end_at_once_when_the_threshold_is_longer(
        self, api, session_factory, clock
    ):
        session = session_factory(timeouts={"warning_threshold_minutes": 1440})
        assert api.get(f"/{session.pk}").json()["isNearExpiration"] is True

    def test_is_the_same_however_often_it_is_read(self, api, clock, session):
        first = api.get(f"/{session.pk}").json()
        clock.shift(minutes(20))
        for _ in range(3):
            again = api.get(f"/{session.pk}").json()
        assert again | {"timeRemaining": 0} == first | {"timeRemaining": 0}

    def test_needs_this_many_queries(self, api, session, django_assert_num_queries):
        with django_assert_num_queries(1):
            api.get(f"/{session.pk}")


@every_route
class TestEveryRouteOfASession:
    def test_finds_the_id_in_upper_case(self, api, session, method, below, body):
        response = api._send(method, f"/{str(session.pk).upper()}{below}", body)
        assert response.status_code in (200, 201)
        assert str(session.pk).upper() not in response.content.decode()

    def test_works_with_a_trailing_slash(self, api, session, method, below, body):
        response = api._send(method, f"/{session.pk}{below}/", body)
        assert response.status_code in (200, 201)

    def test_answers_404_without_such_a_session(self, api, method, below, body):
        missing = uuid.uuid4()
        response = api._send(method, f"/{missing}{below}", body)
        error = error_of(response, 404, "SessionNotFoundError")
        assert error["code"] == "SESSION_NOT_FOUND"
        assert error["context"] == {"sessionId": str(missing)}
        assert str(missing) in error["details"]

    @pytest.mark.parametrize(
        "text",
        [
            *("1", "null", "%00", "%20", "a%0A", "..", "%2e%2e", "%ff", "é", "%", "%zz"),
            *("a;b", f"{uuid.UUID(int=7)}%0A", uuid.UUID(int=7).hex, "%ED%A0%80"),
            "x" * 3000,
        ],
        ids=lambda text: ascii(text[:40]),
    )
    def test_answers_404_for_what_is_no_uuid(self, api, method, below, body, text):
        response = api._send(method, f"/{text}{below}", body)
        error = error_of(response, 404, "SessionNotFoundError")
        assert error["code"] == "SESSION_NOT_FOUND"

    def test_answers_404_once_ended(self, api, session, method, below, body):
        lifecycle.end_session(principal=SYSTEM, session_id=session.pk)
        response = api._send(method, f"/{session.pk}{below}", body)
        error_of(response, 404, "SessionNotFoundError")

    def test_answers_404_when_ended_and_long_expired(
        self, api, clock, session, method, below, body
    ):
        lifecycle.end_session(principal=SYSTEM, session_id=session.pk)
        clock.shift(timedelta(days=30))
        response = api._send(method, f"/{session.pk}{below}", body)
        error_of(response, 404, "SessionNotFoundError")

    @pytest.mark.parametrize("swept", [False, True], ids=["unswept", "swept"])
    def test_answers_410_from_the_deadline_on(
        self, api, clock, session, method, below, body, swept
    ):
        clock.shift(minutes(30))
        if swept:
            sweep.sweep_sessions()
        if method == "DELETE":
            assert api.delete(f"/{session.pk}").status_code == 200
            return
        before = Session.objects.values().get()
        for _ in range(2):
            response = api._send(method, f"/{session.pk}{below}", body)
            error = error_of(response, 410, "SessionExpiredError")
            assert error["code"] == "SESSION_EXPIRED"
            assert error["context"] == {
                "sessionId": str(session.pk),
                "expiresAt": "2026-01-01T12:30:00.000Z",
            }
        assert Session.objects.values().get() == before

    def test_works_until_the_last_millisecond(
        self, api, clock, session, method, below, body
    ):
        clock.shift(minutes(30) - timedelta(milliseconds=1))
        response = api._send(method, f"/{session.pk}{below}", body)
        assert response.status_code in (200, 201)


@every_route
def test_checks_the_session_before_the_body(api, clock, session, method, below, body):
    wrong = (body or {}) | {"content": 5, "timeoutMinutes": "x", "transport": "pigeon"}
    query = "?limit=0&before=never" if method == "GET" else ""
    missing = api._send(method, f"/{uuid.uuid4()}{below}{query}", wrong)
    error_of(missing, 404, "SessionNotFoundError")
    clock.shift(minutes(30))
    expired = api._send(method, f"/{session.pk}{below}{query}", wrong)
    assert expired.status_code == (200 if method == "DELETE" else 410)
