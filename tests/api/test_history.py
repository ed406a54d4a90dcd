"""GET /api/messaging/sessions/{sessionId}/messages."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_eliza_sessions.models import Message, Session
from django_eliza_sessions.services.transcript import add_to_session, new_message
from tests.api.shapes import HISTORY_MESSAGE, TIMESTAMP, error_of
from tests.conftest import NOON

EPOCH_NOON = 1_767_268_800_000


def say(session: Session, count: int, start: datetime = NOON) -> list[str]:
    """Store messages at one moment and return their ids, the oldest first."""
    made = [
        new_message(session.pk, author_id=session.user_id, is_agent=False, content=f"{n}")
        for n in range(count)
    ]
    for message in made:
        add_to_session(session.pk, start, [message], is_sign_of_life=False)
    return [str(message.pk) for message in made]


def ids_of(page) -> list[str]:
    return [message["id"] for message in page["messages"]]


@pytest.fixture
def history(api, session):
    """Read the session's history."""

    def get(**query):
        response = api.get(f"/{session.pk}/messages", **query)
        assert response.status_code == 200, response.content
        return response.json()

    return get


class TestAnswer:
    def test_has_exactly_the_documented_shape(self, clock, session, history):
        (message,) = say(session, 1)
        assert history() == {
            "messages": [
                {
                    "id": message,
                    "content": "0",
                    "authorId": str(session.user_id),
                    "isAgent": False,
                    "createdAt": "2026-01-01T12:00:00.000Z",
                    "metadata": {},
                }
            ],
            "hasMore": False,
            "cursors": {"before": EPOCH_NOON, "after": EPOCH_NOON},
        }

    def test_has_no_cursors_without_messages(self, history):
        assert history() == {"messages": [], "hasMore": False, "cursors": {}}

    def test_is_newest_first(self, session, history):
        made = say(session, 3)
        page = history()
        assert ids_of(page) == made[::-1]
        assert all(message.keys() == HISTORY_MESSAGE for message in page["messages"])
        assert all(TIMESTAMP.fullmatch(m["createdAt"]) for m in page["messages"])

    def test_times_are_a_millisecond_apart_at_least(self, session, history):
        say(session, 20)
        times = [message["createdAt"] for message in history()["messages"]]
        assert len(set(times)) == 20
        assert times == sorted(times, reverse=True)

    def test_cursors_are_the_ends_in_milliseconds(self, session, history):
        say(session, 5)
        cursors = history(limit=3)["cursors"]
        assert cursors == {"before": EPOCH_NOON + 2, "after": EPOCH_NOON + 4}
        assert all(type(value) is int for value in cursors.values())

    def test_is_of_this_session_only(self, session, session_factory, history):
        say(session_factory(), 1)
        assert history()["messages"] == []

    def test_never_renews(self, clock, session, history):
        before = Session.objects.values().get()
        clock.shift(timedelta(minutes=20))
        history()
        assert Session.objects.values().get() == before

    @pytest.mark.parametrize("length", [0, 1, 60])
    def test_needs_as_many_queries_for_a_page_of_any_length(
        self, api, session, length, django_assert_num_queries
    ):
        say(session, length)
        # Messages as their owner would get them, session, audit (it is somebody else's),
        # messages.
        with django_assert_num_queries(4):
            api.get(f"/{session.pk}/messages", limit=100)


class TestLimit:
    def test_is_50_by_default(self, session, history):
        say(session, 51)
        assert len(history()["messages"]) == 50
        assert history()["hasMore"] is True

    @pytest.mark.parametrize("limit", [1, 100])
    def test_takes_both_ends(self, session, history, limit):
        say(session, limit + 1)
        assert len(history(limit=limit)["messages"]) == limit
        assert history(limit=limit)["hasMore"] is True

    @pytest.mark.parametrize(
        "limit", ["0", "101", "-1", "", "1.0", "1e1", "ten", "\x00", "9" * 5000, " 5"]
    )
    def test_refuses_what_is_out_of_range(self, api, session, limit):
        response = api.get(f"/{session.pk}/messages", limit=limit)
        error = error_of(response, 400, "InvalidPaginationError")
        assert error["code"] == "VALIDATION_ERROR"
        assert error["context"] == {"field": "limit", "minimum": 1, "maximum": 100}


class TestHasMore:
    @pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"before": EPOCH_NOON + 1000},
            {"after": EPOCH_NOON - 1},
            {"after": EPOCH_NOON - 1, "before": EPOCH_NOON + 1000},
        ],
        ids=str,
    )
    def test_is_exact(self, session, history, count, query):
        say(session, count)
        for limit in range(1, 6):
            assert history(limit=limit, **query)["hasMore"] is (count > limit)


class TestBeforeAndAfter:
    def test_are_exclusive(self, session, history):
        made = say(session, 5)
        middle = EPOCH_NOON + 2
        assert ids_of(history(before=middle)) == made[:2][::-1]
        assert ids_of(history(after=middle)) == made[3:][::-1]
        assert ids_of(history(after=EPOCH_NOON, before=EPOCH_NOON + 4)) == made[1:4][::-1]
        assert ids_of(history(after=middle, before=middle)) == []
        assert ids_of(history(after=EPOCH_NOON + 4, before=EPOCH_NOON)) == []

    def test_after_alone_returns_the_oldest(self, session, history):
        made = say(session, 5)
        page = history(after=EPOCH_NOON, limit=2)
        assert ids_of(page) == made[1:3][::-1]
        assert page["hasMore"] is True
        assert page["cursors"] == {"before": EPOCH_NOON + 1, "after": EPOCH_NOON + 2}

    def test_both_return_the_newest_of_the_range(self, session, history):
        made = say(session, 5)
        page = history(after=EPOCH_NOON, before=EPOCH_NOON + 4, limit=2)
        assert ids_of(page) == made[2:4][::-1]
        assert page["hasMore"] is True

    @pytest.mark.parametrize(
        "moment",
        [
            str(EPOCH_NOON + 2),
            f"0{EPOCH_NOON + 2}",
            "2026-01-01T12:00:00.002Z",
            "2026-01-01T12:00:00.002",
            "2026-01-01T12:00:00.002000Z",
            "2026-01-01T12:00:00.002+00:00",
            "2026-01-01T12:00:00.002-00:00",
            "2026-01-01T13:30:00.002+01:30",
            "2026-01-01T13:30:00.002+0130",
            "2026-01-01T07:00:00.002-05:00",
            "2026-01-02T02:00:00.002+14:00",
        ],
    )
    def test_take_a_moment_in_any_form(self, session, history, moment):
        made = say(session, 5)
        assert ids_of(history(before=moment)) == made[:2][::-1]
        assert ids_of(history(after=moment)) == made[3:][::-1]

    @pytest.mark.parametrize(
        ("moment", "later"),
        [
            ("0", True),
            ("-1", True),
            ("-62135596800000", True),
            ("2026-01-01", True),
            ("2026-01-01T12:00Z", False),
            ("9999-12-31T23:59:59Z", False),
            ("0001-01-01T00:00:00Z", True),
            ("253402300799999", False),
        ],
    )
    def test_take_far_and_coarse_moments(self, session, history, moment, later):
        say(session, 1, NOON - timedelta(milliseconds=1))
        assert bool(ids_of(history(after=moment))) is later
        assert bool(ids_of(history(before=moment))) is not later

    @pytest.mark.parametrize("name", ["before", "after"])
    @pytest.mark.parametrize(
        "moment",
        [
            "",
            " ",
            "now",
            "yesterday",
            "NaN",
            "Infinity",
            "1e12",
            "1.5",
            "0x10",
            "\x00",
            "٣",
            "2026-13-01",
            "2026-02-30",
            "2026-01-01T25:00:00Z",
            "12:00:00",
            "2026-01-01T12:00:00+99:99",
            "2026-01-01T12:00:00Zjunk",
            "2026-01-01T12:00:00Z\n",
            "Thu, 01 Jan 2026 12:00:00 GMT",
            "0001-01-01T00:00:00+14:00",
            "é",
            "[1]",
            "9999-12-31T23:59:59-14:00",
            "999999999999999",
            "-999999999999999",
            "9" * 5000,
            "20260101X120000Z",
            "2026-W01-4",
            "2026-01-01T12:00:00 00:00",
            "2026-01-01x12:00:00Z",
            "2026-01-01\u200312:00:00Z",
        ],
        ids=lambda moment: ascii(moment[:30]),
    )
    def test_refuse_what_is_no_moment(self, api, session, name, moment):
        response = api.get(f"/{session.pk}/messages", **{name: moment})
        error = error_of(response, 400, "InvalidPaginationError")
        assert error["code"] == "VALIDATION_ERROR"
        assert error["context"] == {"field": name}
        assert len(error["details"]) < 300

    def test_refuse_a_plus_that_became_a_space_and_say_so(self, api, session):
        path = f"/{session.pk}/messages?before=2026-01-01T12:00:00.002"
        assert api.get(f"{path}%2B01:00").status_code == 200
        error = error_of(api.get(f"{path}+01:00"), 400, "InvalidPaginationError")
        assert "%2B" in error["details"]


def any_history(test):
    """Run a test with histories, pages and newcomers of any size."""
    anything = given(
        count=st.integers(0, 12),
        gap=st.integers(0, 3),
        limit=st.integers(1, 13),
        newcomers=st.lists(st.integers(0, 3), max_size=4),
    )
    return hypothesis_settings(
        max_examples=30,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )(anything(test))


@any_history
def test_paging_backwards_visits_every_message_once(
    session, history, count, gap, limit, newcomers
):
    made = start_over(session, count, gap)
    page = history(limit=limit)
    seen = ids_of(page)
    for arriving in itertools.chain(newcomers, itertools.repeat(0)):
        if not page["hasMore"]:
            break
        say(session, arriving)
        page = history(limit=limit, before=page["cursors"]["before"])
        seen += ids_of(page)
    assert seen == made[::-1]


@any_history
def test_paging_forwards_visits_every_message_once(
    session, history, count, gap, limit, newcomers
):
    made = start_over(session, count, gap)
    seen, after = [], 0
    for arriving in itertools.chain(newcomers, itertools.repeat(0)):
        page = history(limit=limit, after=after)
        seen += ids_of(page)[::-1]
        after = page["cursors"].get("after", after)
        made += say(session, arriving)
        if seen == made and not page["hasMore"]:
            break
        assert page["hasMore"] or arriving or len(seen) < len(made)
    assert seen == made


def start_over(session: Session, count: int, gap: int) -> list[str]:
    """Store messages some milliseconds apart, and nothing else."""
    Message.objects.all().delete()
    Session.objects.update(last_message_at=None)
    made = []
    for n in range(count):
        made += say(session, 1, NOON + timedelta(milliseconds=n * gap))
    return made


def test_the_constant_is_noon():
    assert datetime.fromtimestamp(EPOCH_NOON / 1000, UTC) == NOON
