"""The list of sessions: columns, filters, searches, and what it costs."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle, messages
from tests.admin.conftest import SESSIONS
from tests.conftest import minutes


@pytest.fixture
def in_every_state(clock, session_factory):
    """One session in each state, none of them swept."""
    expired = session_factory(timeouts={"timeout_minutes": 5})
    near = session_factory(timeouts={"timeout_minutes": 12})
    active = session_factory()
    ended = session_factory()
    lifecycle.end_session(principal=SYSTEM, session_id=ended.pk)
    clock.shift(minutes(10))
    return {"active": active, "near_expiration": near, "expired": expired, "ended": ended}


@pytest.fixture
def agents_named(agent_factory, session_factory):
    """Make an agent of each name, with a session."""

    def make(*names):
        return [session_factory(agent_id=agent_factory(name=name).pk) for name in names]

    return make


def row_of(response, session):
    rows = response.content.decode().split("<tr>")
    return next(row for row in rows if f'title="{session.pk}"' in row)


def test_names_every_state_and_the_time_left(operator, in_every_state):
    response = operator.get(SESSIONS)

    for state, words, time_left in [
        ("active", "active", "20\xa0minutes"),
        ("near_expiration", "near expiration", "2\xa0minutes"),
        ("expired", "expired", "-"),
        ("ended", "ended", "-"),
    ]:
        row = row_of(response, in_every_state[state])
        assert f'<span class="eliza-badge eliza-{state}">{words}</span>' in row
        assert f'<td class="field-time_left">{time_left}</td>' in row


def test_shows_who_talks_to_whom_and_how_much(operator, session):
    row = row_of(operator.get(SESSIONS), session)

    assert f'<span title="{session.user_id}">{str(session.user_id)[:8]}…</span>' in row
    assert '<td class="field-agent_name">Eliza</td>' in row
    assert '<td class="field-message_count">0</td>' in row


def test_newest_first(clock, listed, session_factory):
    older = session_factory()
    clock.shift(minutes(1))
    newer = session_factory()

    assert listed() == [newer, older]


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("active", {"active", "near_expiration"}),
        ("near_expiration", {"near_expiration"}),
        ("expired", {"expired"}),
        ("ended", {"ended"}),
        ("no state", set()),
    ],
)
def test_filters_by_state(listed, in_every_state, state, found):
    assert set(listed(state=state)) == {in_every_state[name] for name in found}


def test_filters_combine(listed, in_every_state, agents_named):
    (other,) = agents_named("Other")

    assert listed(state="active", agent__id__exact=str(other.agent_id)) == [other]


def test_filters_by_day(clock, listed, session_factory):
    first = session_factory()
    clock.shift(minutes(24 * 60))
    second = session_factory()

    assert listed(created_at__day="1", created_at__month="1", created_at__year="2026") == [
        first
    ]
    assert listed(created_at__gte="2026-01-02 00:00:00Z") == [second]


@pytest.mark.parametrize("case", [str.lower, str.upper])
@pytest.mark.parametrize("what", ["pk", "user_id", "agent_id", "message"])
def test_finds_by_any_id(listed, agents_named, what, case):
    session, _other = agents_named("One", "Two")
    sent = messages.send_message(principal=SYSTEM, session_id=session.pk, content="Hi")
    value = sent.message.pk if what == "message" else getattr(session, what)

    assert listed(q=case(str(value))) == [session]


@pytest.mark.parametrize("length", [1, 7, 8, 9, 13, 14, 20, 35])
def test_finds_by_the_beginning_of_its_id(listed, session, length):
    session.delete()
    inside = [
        _stored(session, "3c90c3cc-0d44-4b50-8888-8dd25736052a"),
        _stored(session, "3c90c3cc-0d44-4b50-8888-8dd25736052f"),
    ]
    for outside in (
        "3c90c3cc-0d44-4b50-8888-8dd257360530",
        "2c90c3cc-0d44-4b50-8888-8dd25736052a",
        "4c90c3cc-0d44-4b50-8888-8dd25736052a",
    ):
        _stored(session, outside)

    found = listed(q="3C90c3cc-0d44-4b50-8888-8dd25736052a"[:length])

    assert set(inside) <= set(found)
    assert all(
        str(s.pk).startswith("3c90c3cc-0d44-4b50-8888-8dd25736052"[:length]) for s in found
    )


def test_finds_by_a_part_of_the_agents_name(listed, agents_named):
    doctor, _other = agents_named("The Doctor", "Parry")

    assert listed(q="e doc") == [doctor]


@pytest.mark.parametrize(
    "term",
    [
        "nobody",
        "%",
        "_",
        "\\",
        "' OR 1=1 --",
        "3c90c3cc-0d44-4b50-8888-8dd25736052",
        "3c90c3cc-0d44-4b50-8888-8dd25736052a-",
        "3c90-c3cc",
        "{3c90c3cc-0d44-4b50-8888-8dd25736052a}",
        "urn:uuid:3c90c3cc-0d44-4b50-8888-8dd25736052a",
        "0x3c",
        "+3c",
        "3_c",
        "٣",
        "-",
        "f" * 5000,
        "🙂",
    ],
)
def test_finds_nothing_for_anything_else(listed, agents_named, term):
    agents_named("Eliza")

    assert listed(q=term) == []


def test_refuses_a_nul_in_words(operator, session):
    response = operator.get(SESSIONS, {"q": "a\0b"})

    assert response.status_code == 200
    assert b"Null characters are not allowed." in response.content


def test_surrounding_white_space_does_not_matter(listed, session):
    assert listed(q=f"  {session.pk}\t") == [session]


@pytest.mark.parametrize("query", [{}, {"state": "active"}, {"q": "Eliza"}])
def test_costs_the_same_with_more_rows(operator, agents_named, query):
    agents_named("Eliza", "Eliza")
    operator.get(SESSIONS, query)  # Fills the caches of permissions and content types.
    with CaptureQueriesContext(connection) as few:
        operator.get(SESSIONS, query)
    agents_named(*["Eliza"] * 50)
    with CaptureQueriesContext(connection) as many:
        response = operator.get(SESSIONS, query)

    assert len(response.context["cl"].result_list) == 52
    assert len(many) == len(few)


def _stored(session: Session, pk: str) -> Session:
    """Store a copy under an id of our choice."""
    session.pk = uuid.UUID(pk)
    session.save(force_insert=True)
    return Session.objects.get(pk=pk)
