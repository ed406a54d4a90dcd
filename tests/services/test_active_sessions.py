"""How many sessions may be open for a user at a time."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection

from django_eliza_sessions.exceptions import RateLimitError
from django_eliza_sessions.models import Event, Reply, Session
from django_eliza_sessions.services import clock as present
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.messages import send_message
from tests.conftest import minutes
from tests.services.race import together

pytestmark = pytest.mark.django_db
USER = uuid.uuid4()


@pytest.fixture
def open_session(session_factory, clock, owner):
    """Open sessions for one user, a second apart."""

    def make(**arguments):
        clock.shift(timedelta(seconds=1))
        return session_factory(**{"principal": owner, "user_id": USER} | arguments)

    return make


@pytest.fixture
def reject(configure):
    configure(MAX_ACTIVE_SESSIONS_PER_USER=2)


@pytest.fixture
def end_oldest(configure):
    configure(MAX_ACTIVE_SESSIONS_PER_USER=2, MAX_ACTIVE_SESSIONS_POLICY="end_oldest")


def active():
    sessions = Session.objects.active(present.now()).order_by("created_at")
    return list(sessions.values_list("pk", flat=True))


@pytest.mark.usefixtures("reject")
class TestReject:
    def test_one_more(self, open_session):
        first = open_session()
        open_session()
        with pytest.raises(RateLimitError, match="At most 2 sessions") as raised:
            open_session()
        wait = (first.expires_at - present.now()).total_seconds()
        assert raised.value.context == {
            "counted": "active_sessions",
            "limit": 2,
            "retry_after": wait,
        }
        assert len(active()) == 2

    def test_over_http(self, api, agent):
        body = {"agentId": str(agent.pk), "userId": str(USER)}
        responses = [api.post("", body) for _ in range(3)]
        assert [response.status_code for response in responses] == [201, 201, 429]
        assert responses[2]["Retry-After"] == "1800"
        assert "RateLimit-Limit" not in responses[2]

    def test_what_is_over_does_not_count(self, open_session, owner, clock):
        open_session()
        end_session(principal=owner, session_id=open_session().pk)
        open_session()
        clock.shift(minutes(30))
        open_session()
        open_session()

    def test_other_users_and_callers_do_not_count(self, open_session, stranger):
        for _ in range(2):
            open_session(user_id=uuid.uuid4())
            open_session(principal=stranger)
        open_session()
        open_session()

    def test_a_retry_opens_nothing(self, open_session):
        opened = [open_session(idempotency_key=key) for key in "aab"]
        assert open_session(idempotency_key="a") == opened[0]


@pytest.mark.usefixtures("end_oldest", "handed_out")
class TestEndOldest:
    def test_one_more(self, open_session, owner):
        first, second = open_session(), open_session()
        send_message(principal=owner, session_id=first.pk, content="Hello")
        third = open_session()
        first.refresh_from_db()
        assert (active(), first.close_reason) == ([second.pk, third.pk], "ended")
        assert first.events.order_by("sequence").last().kind == Event.Kind.ENDED
        assert first.replies.get().status == Reply.Status.CANCELLED

    def test_several_after_the_setting_was_lowered(self, open_session, configure):
        for _ in range(2):
            open_session()
        configure(MAX_ACTIVE_SESSIONS_PER_USER=1)
        last = open_session()
        assert active() == [last.pk]

    def test_nobody_elses(self, open_session, stranger):
        theirs = [open_session(principal=stranger) for _ in range(2)]
        for _ in range(3):
            open_session()
        assert {session.pk for session in theirs} <= set(active())

    def test_is_undone_with_the_session_that_was_not_opened(self, open_session):
        kept = [open_session().pk, open_session().pk]
        with pytest.raises(Exception, match="no enabled agent"):
            open_session(agent_id=uuid.uuid4())
        assert active() == kept


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("policy", "opened"), [("reject", 3), ("end_oldest", 20)])
def test_many_at_once(session_factory, configure, owner, policy, opened):
    configure(MAX_ACTIVE_SESSIONS_PER_USER=3, MAX_ACTIVE_SESSIONS_POLICY=policy)

    def make():
        return session_factory(principal=owner, user_id=USER)

    results = together([make] * 20)
    assert sum(isinstance(result, Session) for result in results) == opened
    refused = [result for result in results if not isinstance(result, Session)]
    assert {type(result) for result in refused} <= {RateLimitError}
    assert len(active()) == 3


@pytest.mark.django_db(transaction=True)
def test_many_at_once_while_the_oldest_are_ended_and_used(
    session_factory, configure, owner, end_oldest, handed_out
):
    session = session_factory(principal=owner, user_id=USER)
    results = together(
        [lambda: session_factory(principal=owner, user_id=USER)] * 8
        + [lambda: end_session(principal=owner, session_id=session.pk)]
        + [lambda: send_message(principal=owner, session_id=session.pk, content="Hello")]
        * 8
    )
    assert all(isinstance(result, Session) for result in results[:8]), results
    # One less where it was among them to the last, being used, and its end came last.
    assert 1 <= len(active()) <= 2


def test_query_count(open_session, configure, django_assert_num_queries):
    configure(MAX_ACTIVE_SESSIONS_PER_USER=2)
    # Savepoint, agent, active sessions, session with event and audit, release. On
    # PostgreSQL the turn, too, and elsewhere event and audit on their own.
    with django_assert_num_queries(6 if connection.vendor == "postgresql" else 7):
        open_session()
