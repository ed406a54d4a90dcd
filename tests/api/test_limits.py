"""Rates over HTTP."""

import uuid

import pytest
from django.test import Client

from django_eliza_sessions.models import Session
from tests.api.shapes import error_of
from tests.services.race import together

RATES = {"caller": "2/minute"}
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def body(agent):
    return {"agentId": str(agent.pk), "userId": str(uuid.uuid4())}


def rate_of(response):
    return [int(response[f"RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")]


def test_nobody_is_told_of_what_is_not_limited(api, body, session):
    for response in (api.post("", body), api.post(f"/{session.pk}/messages", body)):
        assert "RateLimit-Limit" not in response


def test_creating(api, body, configure):
    configure(CREATE_LIMITS=RATES)
    first, second, third = (api.post("", body) for _ in range(3))
    assert (first.status_code, second.status_code) == (201, 201)
    reset = rate_of(first)[2]
    assert [rate_of(response) for response in (first, second, third)] == [
        [2, 1, reset],
        [2, 0, reset],
        [2, 0, reset],
    ]
    error = error_of(third, 429, "RateLimitError")
    assert error["code"] == "RATE_LIMIT_EXCEEDED"
    assert error["context"] == {
        "counted": "caller",
        "limit": 2,
        "windowSeconds": 60,
        "retryAfter": reset,
    }
    assert third["Retry-After"] == str(reset)
    assert Session.objects.count() == 2


@pytest.mark.usefixtures("on_threads")
@pytest.mark.parametrize("transport", ["websocket", "http", "sse"])
def test_sending(api, session, configure, transport):
    configure(MESSAGE_LIMITS={"caller": "1/minute"})
    body = {"content": "Hello", "transport": transport}
    response = api.post(f"/{session.pk}/messages", body)
    assert rate_of(response)[:2] == [1, 0]
    response.getvalue()
    error_of(api.post(f"/{session.pk}/messages", body), 429, "RateLimitError")
    assert session.messages.filter(is_agent=False).count() == 1


def test_a_refused_message_leaves_the_session_alone(
    api, session, configure, django_assert_num_queries
):
    configure(MESSAGE_LIMITS={"caller": "1/minute"})
    api.post(f"/{session.pk}/messages", {"content": "Hello"})
    with django_assert_num_queries(1) as queries:
        api.post(f"/{session.pk}/messages", {"content": "Hello"})
    assert "ratecount" in queries[0]["sql"]


def test_what_is_wrong_counts_and_tells_what_is_left(api, body, configure):
    configure(CREATE_LIMITS=RATES)
    response = api.post("", {})
    error_of(response, 400, "MissingFieldsError")
    assert rate_of(response)[:2] == [2, 1]


def test_a_retry_counts(api, body, configure):
    configure(CREATE_LIMITS=RATES)
    extra = {"headers": {"Idempotency-Key": "k"}}
    statuses = [api.post("", body, **extra).status_code for _ in range(3)]
    assert statuses == [201, 201, 429]


def test_who_may_not_come_in_does_not_count(api, body, configure):
    configure(CREATE_LIMITS={"address": "1/minute"}, ACCESS="key")
    for _ in range(3):
        response = api.post("", body)
        assert (response.status_code, response.has_header("RateLimit-Limit")) == (
            401,
            False,
        )


def test_an_address_behind_a_proxy(api, body, configure):
    configure(CREATE_LIMITS={"address": "1/minute"}, TRUSTED_PROXIES=["127.0.0.0/8"])

    def post(forwarded, **extra):
        headers = {"X-Forwarded-For": forwarded}
        return api.post("", body, headers=headers, **extra).status_code

    assert post("192.0.2.1") == post("192.0.2.2") == post("2001:db8::1") == 201
    assert post("192.0.2.7, 192.0.2.1") == post("2001:db8::2") == 429
    # Who does not come from the proxy may say what they want.
    assert post("192.0.2.8", REMOTE_ADDR="192.0.2.99") == 201
    assert post("192.0.2.9", REMOTE_ADDR="192.0.2.99") == 429


@pytest.mark.django_db(transaction=True)
def test_many_at_once(body, configure):
    configure(CREATE_LIMITS={"caller": "10/minute"})

    def post():
        path = "/api/messaging/sessions"
        return Client().post(path, body, content_type="application/json").status_code

    statuses = together([post] * 40)
    assert (statuses.count(201), statuses.count(429)) == (10, 30)
    assert Session.objects.count() == 10
