"""Retries: the same key asks for the same thing once."""

import uuid
from datetime import timedelta

import pytest

from django_eliza_sessions.exceptions import (
    IdempotencyKeyReusedError,
    InvalidRequestError,
    SessionExpiredError,
)
from django_eliza_sessions.models import IdempotencyKey, Message, Session
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services.lifecycle import create_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.sweep import purge_sessions
from tests.conftest import minutes
from tests.services.race import together

pytestmark = pytest.mark.django_db
USER = uuid.UUID("3c90c3cc-0d44-4b50-8888-8dd25736052a")


@pytest.fixture
def create(agent):
    def make(**arguments):
        return create_session(
            **{
                "principal": SYSTEM,
                "agent_id": agent.pk,
                "user_id": USER,
                "idempotency_key": "k",
            }
            | arguments
        )

    return make


@pytest.fixture
def send(session):
    def make(**arguments):
        return send_message(
            **{
                "principal": SYSTEM,
                "session_id": session.pk,
                "content": "Hello",
                "idempotency_key": "k",
            }
            | arguments
        )

    return make


class TestCreating:
    def test_again_returns_the_same_session(self, create):
        assert create() == create()
        assert Session.objects.count() == 1

    def test_without_a_key_is_always_new(self, create):
        assert create(idempotency_key=None) != create(idempotency_key=None)

    @pytest.mark.parametrize(
        "other",
        [
            {"user_id": uuid.uuid4()},
            {"metadata": {"a": 1}},
            {"timeouts": {"timeout_minutes": 7}},
        ],
        ids=["user", "metadata", "timeouts"],
    )
    def test_another_request_under_the_same_key_is_refused(self, create, other):
        create()
        with pytest.raises(IdempotencyKeyReusedError):
            create(**other)
        assert Session.objects.count() == 1

    def test_keys_of_different_callers_never_meet(self, create):
        assert create() != create(principal=Principal(id="user:1"))

    def test_a_refused_request_is_not_remembered(self, create, agent):
        agent.enabled = False
        agent.save()
        with pytest.raises(Exception, match="no enabled agent"):
            create()
        agent.enabled = True
        agent.save()
        assert create() == Session.objects.get()

    def test_is_forgotten_in_time(self, create, clock):
        first = create()
        clock.shift(timedelta(hours=24) - minutes(1))
        assert create() == first
        clock.shift(minutes(1))
        assert create(metadata={"other": True}) != first

    @pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\nb", "\x00"])
    def test_refuses_keys_that_are_none(self, create, key):
        with pytest.raises(InvalidRequestError, match="printable ASCII"):
            create(idempotency_key=key)


class TestSending:
    def test_again_stores_nothing(self, send, session):
        first, second = send(), send()
        assert second.message == first.message
        assert second.was_renewed is first.was_renewed is True
        session.refresh_from_db()
        assert session.message_count == 1
        assert session.renewal_count == 1

    def test_again_returns_the_same_answer(self, send):
        first, second = send(transport="http"), send(transport="http")
        assert second.answer == first.answer
        assert Message.objects.count() == 2

    def test_other_content_under_the_same_key_is_refused(self, send):
        send()
        with pytest.raises(IdempotencyKeyReusedError):
            send(content="Something else")
        assert Message.objects.count() == 1

    def test_the_clients_own_message_id_serves_as_key(self, send):
        own = {"metadata": {"messageId": "m-1"}, "idempotency_key": None}
        assert send(**own).message == send(**own).message
        other = {"metadata": {"messageId": "m-2"}, "idempotency_key": None}
        assert send(**other).message != send(**own).message

    def test_the_clients_own_message_id_is_the_sessions_own(self, send, session_factory):
        own = {"metadata": {"messageId": "m-1"}, "idempotency_key": None}
        elsewhere = session_factory().pk
        assert send(**own).message != send(**own, session_id=elsewhere).message

    @pytest.mark.parametrize("odd", [7, None, "", "é", "x" * 300, ["a"]])
    def test_an_odd_message_id_is_only_metadata(self, send, odd):
        own = {"metadata": {"messageId": odd}, "idempotency_key": None}
        assert send(**own).message != send(**own).message

    def test_an_expired_session_is_expired(self, send, clock):
        send()
        clock.shift(minutes(31))
        with pytest.raises(SessionExpiredError):
            send()


def test_old_keys_are_purged(create, clock):
    create()
    clock.shift(timedelta(hours=23))
    create(idempotency_key="later")
    clock.shift(timedelta(hours=1))
    purge_sessions()
    assert [row.key for row in IdempotencyKey.objects.all()] == ["later"]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_carried_out(create):
    sessions = together([create] * 8)
    assert len(set(sessions)) == 1
    assert Session.objects.count() == 1
