"""Reading the history back, page by page."""

from datetime import timedelta
from uuid import uuid4

import pytest

from django_eliza_sessions.exceptions import SessionExpiredError, SessionNotFoundError
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services.history import list_messages
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.messages import send_message
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


def moment(index):
    return NOON + timedelta(milliseconds=index)


@pytest.fixture
def history(session):
    """A session with messages 0 to 9, a millisecond apart."""
    for index in range(10):
        send_message(principal=SYSTEM, session_id=session.pk, content=str(index))
    return session


def page(session, limit, **bounds):
    found = list_messages(
        principal=SYSTEM,
        session_id=session.pk,
        limit=limit,
        **{bound: moment(index) for bound, index in bounds.items()},
    )
    return "".join(message.content for message in found.messages), found.has_more


@pytest.mark.parametrize(
    ("limit", "bounds", "expected"),
    [
        pytest.param(3, {}, ("987", True), id="newest"),
        pytest.param(10, {}, ("9876543210", False), id="exactly-all"),
        pytest.param(9, {}, ("987654321", True), id="all-but-one"),
        pytest.param(3, {"before": 5}, ("432", True), id="before"),
        pytest.param(3, {"before": 3}, ("210", False), id="before-the-last-page"),
        pytest.param(3, {"before": 0}, ("", False), id="before-everything"),
        pytest.param(3, {"after": 5}, ("876", True), id="after-takes-the-oldest"),
        pytest.param(3, {"after": 6}, ("987", False), id="after-the-last-page"),
        pytest.param(3, {"after": 9}, ("", False), id="after-everything"),
        pytest.param(3, {"after": 2, "before": 8}, ("765", True), id="range-newest"),
        pytest.param(5, {"after": 2, "before": 8}, ("76543", False), id="range-whole"),
        pytest.param(3, {"after": 5, "before": 6}, ("", False), id="range-empty"),
        pytest.param(3, {"after": 8, "before": 2}, ("", False), id="range-backwards"),
    ],
)
def test_page(history, limit, bounds, expected):
    assert page(history, limit, **bounds) == expected


def test_empty_session(session):
    assert page(session, 50) == ("", False)


def test_shows_only_its_own_session(history, session_factory):
    other = session_factory()
    send_message(principal=SYSTEM, session_id=other.pk, content="x")

    assert page(other, 50) == ("x", False)


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_paging_back_visits_everything_once_while_new_ones_arrive(history, limit):
    seen, bounds, more = "", {}, True
    while more:
        found = list_messages(
            principal=SYSTEM, session_id=history.pk, limit=limit, **bounds
        )
        seen += "".join(message.content for message in found.messages)
        more, bounds = found.has_more, {"before": found.messages[-1].created_at}
        send_message(principal=SYSTEM, session_id=history.pk, content="n")

    assert seen == "9876543210"


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_paging_forward_skips_nothing(history, limit):
    seen, more, after = "", True, moment(-1)
    while more:
        found = list_messages(
            principal=SYSTEM, session_id=history.pk, limit=limit, after=after
        )
        seen = "".join(message.content for message in found.messages) + seen
        more, after = found.has_more, found.messages[0].created_at

    assert seen == "9876543210"


@pytest.mark.parametrize(
    ("caller", "bounds", "count"),
    [
        pytest.param({}, {}, 1, id="own"),
        # What stands there is looked at again, for there may be something to say.
        pytest.param({}, {"after": moment(9)}, 3, id="own-but-nothing-there"),
        # Once for nothing, the session, the record of it, and once more.
        pytest.param({"id": "user:8", "is_admin": True}, {}, 4, id="somebody-elses"),
    ],
)
def test_query_count(history, caller, bounds, count, django_assert_num_queries):
    principal = Principal(**{"id": history.owner} | caller)
    with django_assert_num_queries(count):
        page = list_messages(principal=principal, session_id=history.pk, limit=5, **bounds)
    assert len(page.messages) == (0 if bounds else 5)


def test_a_key_for_its_agent_reads_it(history):
    key = Principal(id=history.owner, agent_ids=frozenset({history.agent_id}))
    page = list_messages(principal=key, session_id=history.pk, limit=10)
    assert len(page.messages) == 10


class TestWhoMayNot:
    """Of a session whose messages an owner would get without a look at it."""

    def refused(self, session, error, **caller):
        principal = Principal(**{"id": session.owner} | caller)
        with pytest.raises(error):
            list_messages(principal=principal, session_id=session.pk, limit=5)

    def test_a_stranger(self, history):
        self.refused(history, SessionNotFoundError, id="user:8")

    def test_a_key_for_other_agents(self, history):
        self.refused(history, SessionNotFoundError, agent_ids=frozenset({uuid4()}))

    def test_anybody_once_it_is_ended(self, history):
        end_session(principal=SYSTEM, session_id=history.pk)
        self.refused(history, SessionNotFoundError)

    def test_anybody_once_it_is_expired(self, history, clock):
        clock.move_to(history.expires_at)
        self.refused(history, SessionExpiredError)
