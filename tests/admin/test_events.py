"""The list of events, where those are found that nobody could be told of."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_eliza_sessions import signals
from django_eliza_sessions.models import Event
from django_eliza_sessions.services.relay import relay_events
from tests.admin.conftest import EVENTS, found, page_of, short_link

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture(autouse=True)
def left_alone(configure):
    configure(JOB_DISPATCHER="tests.services.conftest.remember")


@pytest.fixture
def dead(session):
    event = session.events.get()
    Event.objects.update(relay_at=None, attempts=10, error="<b>Nobody home</b>" + "x" * 200)
    return event


def shown(client, **query):
    response = client.get(EVENTS, query)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def hand_out(client, event):
    return client.post(EVENTS, {"action": "hand_out_again", "_selected_action": [event.pk]})


def test_shows_what_happened_and_where(admin_client, dead, session):
    html = admin_client.get(EVENTS).content.decode()

    assert short_link(session) in html
    assert "&lt;b&gt;Nobody home&lt;/b&gt;" in html
    assert "x" * 200 not in html
    assert "x" * 200 in admin_client.get(page_of(dead)).content.decode()


def test_filters_by_the_relay(admin_client, dead, session_factory, clock):
    done = session_factory().events.get()
    relay_events()
    waiting = session_factory().events.get()

    assert shown(admin_client, relay="failed") == [dead]
    assert shown(admin_client, relay="pending") == [waiting]
    assert shown(admin_client, relay="done") == [done]
    assert len(shown(admin_client)) == 3
    html = admin_client.get(EVENTS).content.decode()
    for state in ("failed", "pending", "done"):
        assert html.count(f"eliza-badge eliza-{state}") == 1
    assert shown(admin_client, relay="x") == []


def test_are_found_by_their_session(admin_client, session, session_factory):
    session_factory()
    events = list(session.events.all())

    for term in (str(session.pk), str(session.pk)[:13].upper(), f" {session.pk} "):
        assert found(admin_client, EVENTS, term) == events
    assert found(admin_client, EVENTS, "x") == []
    assert len(found(admin_client, EVENTS, "")) == 2


def test_the_page_of_a_session_leads_to_its_events(
    staff, admin_client, session, session_factory
):
    session_factory()
    link = f"{EVENTS}?session__id__exact={session.pk}"

    assert link in admin_client.get(page_of(session)).content.decode()
    assert shown(admin_client, session__id__exact=session.pk) == [session.events.get()]
    assert link not in staff("view_session").get(page_of(session)).content.decode()


def test_hands_out_again_what_was_given_up(staff, dead, received, session_factory):
    heard = received(signals.session_created)
    client = staff("view_event", "change_event")

    hand_out(client, dead)
    relay_events()

    assert [arguments["event"] for arguments in heard] == [dead]
    dead.refresh_from_db()
    assert (dead.relay_at, dead.attempts, dead.error) == (None, 0, "")


def test_leaves_alone_what_was_handed_out(admin_client, session, received):
    relay_events()
    heard = received(signals.session_created)

    hand_out(admin_client, session.events.get())
    relay_events()

    assert heard == []


def test_who_may_only_view_hands_out_nothing(staff, dead):
    client = staff("view_event")

    assert '<select name="action"' not in client.get(EVENTS).content.decode()
    hand_out(client, dead)

    assert Event.objects.dead().exists()


def test_nobody_edits_or_deletes_events(admin_client, dead):
    page = page_of(dead)

    assert admin_client.post(page, {"error": ""}).status_code == 403
    delete = page.replace("change/", "delete/")
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403


def test_costs_the_same_with_more_rows(admin_client, session_factory):
    admin_client.get(EVENTS)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(EVENTS)
    for _ in range(5):
        session_factory()
    with CaptureQueriesContext(connection) as many:
        admin_client.get(EVENTS)

    assert len(many) == len(few)
