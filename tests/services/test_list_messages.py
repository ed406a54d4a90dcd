"""Reading the history back, page by page."""

from datetime import timedelta

import pytest

from django_eliza_sessions.models import Message
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.history import list_messages
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
        session=session,
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
        found = list_messages(session=history, limit=limit, **bounds)
        seen += "".join(message.content for message in found.messages)
        more, bounds = found.has_more, {"before": found.messages[-1].created_at}
        send_message(principal=SYSTEM, session_id=history.pk, content="n")

    assert seen == "9876543210"


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_paging_forward_skips_nothing(history, limit):
    seen, more, after = "", True, moment(-1)
    while more:
        found = list_messages(session=history, limit=limit, after=after)
        seen = "".join(message.content for message in found.messages) + seen
        more, after = found.has_more, found.messages[0].created_at

    assert seen == "9876543210"


def test_query_count(history, django_assert_num_queries):
    assert Message.objects.count() == 10
    with django_assert_num_queries(1):
        list_messages(session=history, limit=5)
