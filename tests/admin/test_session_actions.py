"""Renewing, expiring and ending sessions from their list."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages

from django_eliza_sessions import signals
from django_eliza_sessions.exceptions import SessionsError
from django_eliza_sessions.models import Event, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle
from tests.admin.conftest import SESSIONS, page_of
from tests.conftest import minutes


@pytest.fixture
def act(operator):
    """Run an action on sessions and return what it said."""

    def run(action, *sessions, **data):
        response = operator.post(
            SESSIONS,
            {"action": action, "_selected_action": [s.pk for s in sessions]} | data,
        )
        assert response.status_code == 302
        return [(m.level_tag, m.message) for m in get_messages(response.wsgi_request)]

    return run


@pytest.fixture
def over(clock, session_factory):
    """Three sessions that can no longer be renewed: each for another reason."""
    ended, expired = session_factory(), session_factory(timeouts={"timeout_minutes": 5})
    at_most = session_factory(timeouts={"max_duration_minutes": 20})
    lifecycle.end_session(principal=SYSTEM, session_id=ended.pk)
    clock.shift(minutes(5))
    return [ended, expired, at_most]


def test_renews(clock, act, session_factory):
    sessions = [session_factory(), session_factory()]
    clock.shift(minutes(10))

    assert act("renew", *sessions) == [("success", "Renewed: 2 sessions.")]

    for session in Session.objects.all():
        assert session.renewal_count == 1
        assert session.expires_at == session.created_at + minutes(40)


def test_expires(clock, act, session):
    clock.shift(minutes(10))

    assert act("expire", session) == [("success", "Expired: 1 session.")]

    session.refresh_from_db()
    assert session.close_reason == Session.CloseReason.EXPIRED
    assert session.closed_at == session.created_at + minutes(10)
    assert session.events.filter(kind=Event.Kind.EXPIRED).count() == 1


def test_ends_once_that_is_confirmed(operator, act, session_factory):
    one, two, other = (session_factory() for _ in range(3))

    page = operator.post(SESSIONS, {"action": "end", "_selected_action": [one.pk, two.pk]})

    assert page.status_code == 200
    html = page.content.decode()
    assert f'name="_selected_action" value="{one.pk}"' in html
    assert f'name="_selected_action" value="{two.pk}"' in html
    assert str(other.pk) not in html
    assert not Session.objects.ended().exists()

    assert act("end", one, two, confirmed="yes") == [("success", "Ended: 2 sessions.")]
    assert set(Session.objects.ended()) == {one, two}


def test_asks_about_all_pages_and_ends_exactly_those(operator, act, session_factory):
    sessions = [session_factory() for _ in range(3)]

    page = operator.post(
        SESSIONS,
        {"action": "end", "_selected_action": [sessions[0].pk], "select_across": "1"},
    )

    for session in sessions:
        assert f'value="{session.pk}"' in page.content.decode()


def test_says_how_many_did_not_and_why(act, over, session):
    assert sorted(act("renew", *over, session)) == [
        ("success", "Renewed: 1 session."),
        ("warning", "Left as before: 1 session, already ended."),
        ("warning", "Left as before: 1 session, already expired."),
        (
            "warning",
            "Left as before: 1 session, already lasting until the maximum duration.",
        ),
    ]


def test_counts_failures_of_a_kind_together(act, over, clock):
    clock.shift(minutes(60))

    assert sorted(act("expire", *over)) == [
        ("warning", "Left as before: 1 session, already ended."),
        ("warning", "Left as before: 2 sessions, already expired."),
    ]


def test_ends_the_expired_too(act, over):
    assert act("end", *over, confirmed="yes") == [
        ("success", "Ended: 2 sessions."),
        ("warning", "Left as before: 1 session, already ended."),
    ]


def test_errors_not_foreseen_are_told_in_their_own_words(act, session, monkeypatch):
    class OddError(SessionsError):
        message = "Something odd"

    def refuse(**_kwargs):
        raise OddError("Really.")

    monkeypatch.setattr(lifecycle, "renew_session", refuse)

    assert act("renew", session) == [
        ("warning", "Left as before: 1 session, Something odd.")
    ]


def test_is_in_the_history_of_what_it_changed(operator, act, over, session):
    act("renew", session, over[0])

    entry = LogEntry.objects.get()
    assert entry.object_id == str(session.pk)
    assert entry.change_message == "Renewed."
    assert "Renewed." in operator.get(f"{page_of(session)[:-7]}history/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_announces_each(act, session, received):
    heard = received(signals.session_renewed)

    act("renew", session)

    assert [arguments["session"] for arguments in heard] == [session]


@pytest.mark.parametrize("action", ["renew", "expire", "end"])
def test_a_get_does_nothing(operator, session, action):
    before = Session.objects.values().get()

    operator.get(
        SESSIONS, {"action": action, "_selected_action": str(session.pk), "confirmed": "1"}
    )

    assert Session.objects.values().get() == before


@pytest.mark.parametrize("action", ["renew", "expire", "end"])
@pytest.mark.parametrize("ids", [[], ["3c90c3cc-0d44-4b50-8888-8dd25736052a"]])
def test_none_or_unknown_selected(operator, session, action, ids):
    before = Session.objects.values().get()

    operator.post(SESSIONS, {"action": action, "_selected_action": ids, "confirmed": "yes"})

    assert Session.objects.values().get() == before
