"""The ``Idempotency-Key`` header."""

import pytest

from tests.api.shapes import error_of

KEY = {"headers": {"Idempotency-Key": "k-1"}}
# The clock stands still before anything is made.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def body(agent):
    return {"agentId": str(agent.pk), "userId": str(agent.pk)}


def test_creating_again_gives_the_first_answer(api, body):
    first, second = api.post("", body, **KEY), api.post("", body, **KEY)
    assert second.status_code == first.status_code == 201
    assert second.json() == first.json()


@pytest.mark.parametrize("transport", ["websocket", "http"])
def test_sending_again_gives_the_first_answer(api, session, transport):
    path = f"/{session.pk}/messages"
    body = {"content": "Hello", "transport": transport}
    first, second = api.post(path, body, **KEY), api.post(path, body, **KEY)
    assert second.json() == first.json()
    assert ("agentResponse" in second.json()) == (transport == "http")


def test_another_body_is_a_422(api, body):
    api.post("", body, **KEY)
    response = api.post("", body | {"metadata": {"other": True}}, **KEY)
    error = error_of(response, 422, "IdempotencyKeyReusedError")
    assert error["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_the_same_key_for_another_operation_is_a_422(api, body, session):
    api.post("", body, **KEY)
    response = api.post(f"/{session.pk}/messages", {"content": "Hello"}, **KEY)
    assert response.status_code == 422


@pytest.mark.parametrize("key", ["", "x" * 256, "\t"])
def test_a_key_that_is_none_is_a_400(api, body, key):
    response = api.post("", body, headers={"Idempotency-Key": key})
    error = error_of(response, 400, "InvalidRequestError")
    assert error["context"]["field"] == "idempotencyKey"
