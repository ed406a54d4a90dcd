"""Counts: right while sessions are few, at most ten seconds old when they are many."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services import counts
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.overview import State, check_health, list_sessions

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_cache(clock):
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def many(monkeypatch, session_factory):
    """Have more sessions than are counted each time: three."""
    monkeypatch.setattr(counts, "FEW", 2)
    return [session_factory() for _ in range(3)]


def active():
    return check_health().active


def statements(work):
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


def test_few_are_always_right(monkeypatch, session_factory):
    monkeypatch.setattr(counts, "FEW", 2)
    for count in (1, 2):
        session_factory()
        assert active() == count


def test_many_are_counted_once_in_a_while(many, session_factory, clock):
    assert active() == 3
    session_factory()
    assert active() == 3

    clock.shift(counts.KEPT - 0.001)
    assert active() == 3
    clock.shift(0.001)
    assert active() == 4


def test_many_cost_no_statement(many):
    # What is neglected; the sessions at first bounded and then in full.
    assert statements(check_health) == 3
    assert statements(check_health) == 1


def test_many_ask_the_cache_once(many, monkeypatch):
    assert active() == 3
    asked = []

    class Counted:
        def __getattr__(self, name):
            asked.append(name)
            return getattr(cache, name)

    monkeypatch.setattr(counts, "cache", Counted())

    assert active() == 3
    assert asked == ["get"]


def test_one_counts_while_the_others_take_the_old_count(many, session_factory, clock):
    assert active() == 3
    session_factory()
    clock.shift(counts.KEPT)
    meanwhile = []

    def ask(execute, sql, *arguments):
        if "AS many" in sql and not meanwhile:
            meanwhile.append(active())
        return execute(sql, *arguments)

    with connection.execute_wrapper(ask):
        assert active() == 4
    assert meanwhile == [3]


def test_many_that_became_few_are_right_again(many, clock):
    assert active() == 3
    for session in many[:2]:
        end_session(principal=SYSTEM, session_id=session.pk)
    clock.shift(counts.KEPT)
    assert active() == 1

    end_session(principal=SYSTEM, session_id=many[2].pk)
    assert active() == 0


def test_moments_share_a_count_and_filters_do_not(many, clock, agent_factory):
    other = agent_factory()
    assert statements(lambda: list_sessions(principal=SYSTEM, limit=1)) == 4
    clock.shift(1)
    assert statements(lambda: list_sessions(principal=SYSTEM, limit=1)) == 2

    page = list_sessions(principal=SYSTEM, limit=1, agent_id=other.pk)
    assert (page.total, page.counts.active) == (0, 3)


def test_open_and_closed_ones_are_few_or_many_apart(many, session_factory):
    assert list_sessions(principal=SYSTEM, limit=1).counts.ended == 0
    end_session(principal=SYSTEM, session_id=many[0].pk)

    page = list_sessions(principal=SYSTEM, limit=1, state=State.ENDED)

    assert page.total == page.counts.ended == 1
    assert page.counts.active == 3  # As it was a moment ago.


def test_a_cache_that_fails_makes_every_request_count(many, session_factory, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",  # Nobody listens there.
        }
    }

    assert active() == 3
    session_factory()
    assert active() == 4


def test_a_caller_without_any_agent_has_none(session):
    nobody = Principal(id="key:1", agent_ids=frozenset())

    page = list_sessions(principal=nobody, limit=1, mine=True)

    assert (page.total, page.counts.all) == (0, 0)
