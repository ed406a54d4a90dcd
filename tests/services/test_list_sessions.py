"""The list of everybody's sessions."""

import uuid

import pytest

from django_eliza_sessions.exceptions import PermissionDeniedError
from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.overview import SessionCounts, State, list_sessions
from django_eliza_sessions.services.sweep import sweep_sessions
from tests.conftest import minutes

pytestmark = pytest.mark.django_db


def listed(limit=100, **arguments):
    return list_sessions(principal=SYSTEM, limit=limit, **arguments)


@pytest.fixture
def one_of_each(session_factory, clock):
    """Sessions by how they are: two expired ones, swept and not; ended; active."""
    made = {"swept": session_factory()}
    clock.shift(minutes(30))
    sweep_sessions()
    made["unswept"] = session_factory()
    clock.shift(minutes(30))
    made["ended"] = session_factory()
    end_session(principal=SYSTEM, session_id=made["ended"].pk)
    clock.shift(minutes(1))
    made["active"] = session_factory()
    return made


@pytest.mark.parametrize(
    ("state", "names"),
    [
        (State.ACTIVE, ["active"]),
        (State.EXPIRED, ["unswept", "swept"]),
        (State.ENDED, ["ended"]),
        (State.ALL, ["active", "ended", "unswept", "swept"]),
    ],
)
def test_shows_a_state_newest_first(one_of_each, state, names):
    page = listed(state=state)

    assert page.sessions == [one_of_each[name] for name in names]
    assert page.total == len(names)
    assert page.counts == SessionCounts(active=1, expired=2, ended=1)
    assert page.next_place is None


def test_shows_active_ones_unless_asked(one_of_each):
    assert listed().sessions == [one_of_each["active"]]


def test_refuses_everybody_else(owner):
    with pytest.raises(PermissionDeniedError):
        list_sessions(principal=owner, limit=1)


def test_filters(session_factory, agent_factory):
    other_agent, user = agent_factory(), uuid.uuid4()
    wanted = session_factory(agent_id=other_agent.pk, user_id=user)
    session_factory(agent_id=other_agent.pk)
    session_factory(user_id=user)

    page = listed(agent_id=other_agent.pk, user_id=user)

    assert page.sessions == [wanted]
    assert page.total == 1
    assert page.counts.all == 3
    assert listed(agent_id=other_agent.pk).total == 2
    assert listed(user_id=user).total == 2
    assert listed(user_id=uuid.uuid4()).sessions == []


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
def test_paging_visits_every_session_once(session_factory, clock, limit):
    # Pairs made in the same millisecond are told apart by their ids.
    for _ in range(3):
        session_factory()
        session_factory()
        clock.shift(minutes(1))
    seen, place = [], None

    while True:
        page = listed(limit, after=place)
        seen += page.sessions
        assert page.total == 6
        assert len(page.sessions) <= limit
        place = page.next_place
        if place is None:
            break
        # A newer one belongs before the first page and disturbs nothing.
        newer = session_factory()
        Session.objects.filter(pk=newer.pk).delete()

    assert seen == list(Session.objects.order_by("-created_at", "-id"))


@pytest.mark.parametrize("count", [0, 1, 20])
def test_query_count_does_not_grow(session_factory, count, django_assert_num_queries):
    for _ in range(count):
        session_factory()

    # The page, and counts of what is open and what is closed.
    with django_assert_num_queries(3):
        listed()
