"""GET /api/messaging/sessions."""

import uuid
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_eliza_sessions.api import presenters
from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle, sweep
from tests.api.shapes import SESSION_INFO, error_of
from tests.conftest import Api

PAGE = {"sessions", "total", "stats", "hasMore", "nextCursor"}


def ids_of(page):
    return [session["sessionId"] for session in page["sessions"]]


def walk(api: Api, **query):
    """Return every page from the first to the last."""
    pages = [api.get("", **query).json()]
    while pages[-1]["hasMore"]:
        pages.append(api.get("", **query, cursor=pages[-1]["nextCursor"]).json())
    return pages


@pytest.fixture
def three_fates(session_factory, clock):
    """An ended session, one expired and found by a sweep, one just expired, a live one."""
    sessions = {
        "expired": session_factory(timeouts={"timeout_minutes": 5}),
        "due": session_factory(timeouts={"timeout_minutes": 15}),
        "ended": session_factory(),
    }
    clock.shift(timedelta(minutes=10))
    sweep.sweep_sessions()
    lifecycle.end_session(principal=SYSTEM, session_id=sessions["ended"].pk)
    clock.shift(timedelta(minutes=10))
    return sessions | {"active": session_factory()}


class TestAnswer:
    def test_has_exactly_the_documented_shape(self, api, clock, session):
        page = api.get("").json()
        assert page.keys() == PAGE
        assert page["sessions"][0].keys() == SESSION_INFO
        assert page["sessions"] == [api.get(f"/{session.pk}").json()]
        assert page | {"sessions": []} == {
            "sessions": [],
            "total": 1,
            "stats": {"totalSessions": 1, "activeSessions": 1, "expiredSessions": 0},
            "hasMore": False,
            "nextCursor": None,
        }

    def test_shows_all_sessions_at_one_moment(
        self, api, clock, session_factory, monkeypatch
    ):
        session_factory(), session_factory()
        frozen = presenters.clock.now

        def tick():
            clock.shift(timedelta(seconds=1))
            return frozen()

        monkeypatch.setattr(presenters.clock, "now", tick)

        one, other = api.get("").json()["sessions"]

        assert one["timeRemaining"] == other["timeRemaining"]

    def test_may_be_empty(self, api):
        assert api.get("").json() == {
            "sessions": [],
            "total": 0,
            "stats": {"totalSessions": 0, "activeSessions": 0, "expiredSessions": 0},
            "hasMore": False,
            "nextCursor": None,
        }

    def test_works_with_a_trailing_slash(self, api, session):
        assert ids_of(api.get("/").json()) == [str(session.pk)]

    @pytest.mark.parametrize("length", [0, 1, 7])
    def test_needs_as_many_queries_for_a_page_of_any_length(
        self, api, session_factory, length, django_assert_num_queries
    ):
        for _ in range(length):
            session_factory()
        with django_assert_num_queries(3):
            assert len(api.get("").json()["sessions"]) == length


class TestState:
    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({}, {"active"}),
            ({"state": "active"}, {"active"}),
            ({"state": "expired"}, {"expired", "due"}),
            ({"state": "ended"}, {"ended"}),
            ({"state": "all"}, {"active", "expired", "due", "ended"}),
        ],
    )
    def test_chooses_sessions(self, api, three_fates, query, names):
        page = api.get("", **query).json()
        assert set(ids_of(page)) == {str(three_fates[name].pk) for name in names}
        assert page["total"] == len(names)
        assert page["stats"] == {
            "totalSessions": 4,
            "activeSessions": 1,
            "expiredSessions": 2,
        }

    def test_is_never_past_in_time_remaining(self, api, three_fates):
        page = api.get("", state="all").json()
        remaining = {s["sessionId"]: s["timeRemaining"] for s in page["sessions"]}
        assert remaining[str(three_fates["active"].pk)] == 30 * 60_000
        assert remaining[str(three_fates["expired"].pk)] == 0
        assert remaining[str(three_fates["due"].pk)] == 0

    @pytest.mark.parametrize("state", ["", "ACTIVE", "dead", "active,ended", "\x00"])
    def test_must_be_a_known_word(self, api, state):
        error = error_of(api.get("", state=state), 400, "InvalidPaginationError")
        assert error["context"] == {"field": "state"}
        for word in ("active", "expired", "ended", "all"):
            assert word in error["details"]


class TestFilter:
    def test_by_agent(self, api, session, session_factory, agent_factory):
        other = agent_factory()
        theirs = session_factory(agent_id=other.pk)
        page = api.get("", agentId=str(other.pk).upper()).json()
        assert ids_of(page) == [str(theirs.pk)]
        assert page["total"] == 1
        assert page["stats"]["totalSessions"] == 2

    def test_by_user(self, api, session, session_factory):
        theirs = session_factory()
        page = api.get("", userId=str(theirs.user_id)).json()
        assert ids_of(page) == [str(theirs.pk)]

    def test_by_both_and_state(self, api, three_fates):
        ended = three_fates["ended"]
        query = {"agentId": str(ended.agent_id), "userId": str(ended.user_id)}
        assert ids_of(api.get("", **query).json()) == []
        assert ids_of(api.get("", **query, state="ended").json()) == [str(ended.pk)]

    def test_for_nobody_finds_nothing(self, api, session):
        assert api.get("", userId=str(uuid.uuid4())).json()["total"] == 0

    @pytest.mark.parametrize("name", ["agentId", "userId"])
    @pytest.mark.parametrize("value", ["", "me", "\x00", uuid.UUID(int=7).hex])
    def test_must_be_a_uuid(self, api, name, value):
        error = error_of(api.get("", **{name: value}), 400, "InvalidUuidError")
        assert error["context"] == {"field": name}


class TestPaging:
    def test_is_newest_first(self, api, session_factory, clock):
        made = []
        for _ in range(3):
            made.append(str(session_factory().pk))
            clock.shift(timedelta(milliseconds=1))
        assert ids_of(api.get("").json()) == made[::-1]

    @pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
    def test_visits_sessions_created_at_one_moment_once(
        self, api, session_factory, clock, limit
    ):
        made = {str(session_factory().pk) for _ in range(7)}
        pages = walk(api, limit=limit)
        seen = [session for page in pages for session in ids_of(page)]
        assert len(pages) == -(-7 // limit)
        assert sorted(seen) == sorted(made)
        assert all(len(page["sessions"]) == limit for page in pages[:-1])
        assert all(page["total"] == 7 for page in pages)
        assert pages[-1]["nextCursor"] is None

    @hypothesis_settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        gaps=st.lists(st.integers(0, 2), max_size=9),
        limit=st.integers(1, 10),
        newcomers=st.booleans(),
    )
    def test_visits_every_session_once_while_others_come(
        self, api, session_factory, clock, gaps, limit, newcomers
    ):
        Session.objects.all().delete()
        made = []
        for gap in gaps:
            clock.shift(timedelta(milliseconds=gap))
            made.append(str(session_factory().pk))
        clock.shift(timedelta(milliseconds=1))
        seen, query = [], {}
        while True:
            page = api.get("", limit=limit, **query).json()
            seen += ids_of(page)
            assert page["hasMore"] is (page["nextCursor"] is not None)
            if not page["hasMore"]:
                break
            query = {"cursor": page["nextCursor"]}
            if newcomers:
                session_factory()
        assert sorted(seen) == sorted(made)

    def test_keeps_filters_beside_the_cursor(self, api, three_fates, session_factory):
        three_more = {str(session_factory().pk) for _ in range(3)}
        pages = walk(api, limit=1, state="active")
        assert {i for page in pages for i in ids_of(page)} == {
            str(three_fates["active"].pk),
            *three_more,
        }

    @pytest.mark.parametrize("limit", [1, 1000])
    def test_takes_both_ends_of_limit(self, api, session, limit):
        assert len(api.get("", limit=limit).json()["sessions"]) == 1

    def test_has_100_sessions_by_default(self, api, session):
        sessions = [Session(**_row(session) | {"id": uuid.uuid4()}) for _ in range(100)]
        Session.objects.bulk_create(sessions)
        page = api.get("").json()
        assert len(page["sessions"]) == 100
        assert page["hasMore"] is True
        assert page["total"] == 101

    @pytest.mark.parametrize(
        "limit",
        ["0", "1001", "-1", "", " ", "1.0", "1e2", "ten", "\uff19", "9" * 5000, "+1"],
    )
    def test_refuses_limits_out_of_range(self, api, limit):
        error = error_of(api.get("", limit=limit), 400, "InvalidPaginationError")
        assert error["code"] == "VALIDATION_ERROR"
        assert error["context"] == {"field": "limit", "minimum": 1, "maximum": 1000}
        assert len(error["details"]) < 200

    @pytest.mark.parametrize(
        "cursor",
        ["", "1", "\x00", "%%%", "é", "AAAA", "A" * 9999, str(uuid.UUID(int=1)), "MS4y"],
        ids=lambda cursor: cursor[:10],
    )
    def test_refuses_cursors_that_are_not_ours(self, api, cursor):
        error = error_of(api.get("", cursor=cursor), 400, "InvalidPaginationError")
        assert error["context"] == {"field": "cursor"}

    def test_refuses_a_damaged_cursor(self, api, session_factory):
        session_factory(), session_factory()
        cursor = api.get("", limit=1).json()["nextCursor"]
        for damaged in (cursor[:-1], f"{cursor}!", f"!{cursor}", f"{cursor} ", cursor * 2):
            error_of(api.get("", cursor=damaged), 400, "InvalidPaginationError")

    def test_takes_the_cursor_of_a_session_that_is_gone(self, api, session_factory, clock):
        made = [session_factory() for _ in range(3)]
        first = api.get("", limit=1).json()
        Session.objects.get(pk=ids_of(first)[0]).delete()
        rest = api.get("", cursor=first["nextCursor"]).json()
        assert {*ids_of(first), *ids_of(rest)} == {str(session.pk) for session in made}


def _row(session: Session) -> dict:
    return {
        field.attname: getattr(session, field.attname)
        for field in Session._meta.concrete_fields
    }
