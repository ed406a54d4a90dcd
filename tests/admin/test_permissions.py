"""Who may see and do what."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from django_eliza_sessions.models import (
    Agent,
    Event,
    Message,
    Reply,
    Session,
    WebhookDelivery,
    WebhookEndpoint,
)
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import messages
from tests.admin.conftest import (
    AGENTS,
    AUDIT,
    DELIVERIES,
    ENDPOINTS,
    EVENTS,
    KEYS,
    REPLIES,
    SESSIONS,
    page_of,
)

ACTIONS = ["renew", "expire", "end"]
LISTS = [SESSIONS, AGENTS, KEYS, REPLIES, EVENTS, ENDPOINTS, DELIVERIES, AUDIT]


@pytest.fixture
def answered(session):
    """A session with a message and its reply."""
    messages.send_message(
        principal=SYSTEM, session_id=session.pk, content="Hi", transport="http"
    )
    return session


def run(client, action, session):
    return client.post(
        SESSIONS, {"action": action, "_selected_action": [session.pk], "confirmed": "yes"}
    )


@pytest.mark.parametrize("path", LISTS)
def test_strangers_have_to_log_in(db, path):
    response = Client().get(path)

    assert response.status_code == 302
    assert "/admin/login/" in response.url


@pytest.mark.parametrize("path", LISTS)
def test_staff_without_permission_sees_nothing(staff, session, path):
    client = staff()

    assert client.get(path).status_code == 403
    assert client.get(page_of(session)).status_code == 403


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("codenames", [(), ("view_session",)])
def test_without_the_change_permission_no_action_runs(staff, session, action, codenames):
    client = staff(*codenames)
    before = Session.objects.values().get()

    run(client, action, session)

    assert Session.objects.values().get() == before


def test_who_may_view_sees_pages_and_no_actions(staff, session):
    client = staff("view_session")

    html = client.get(SESSIONS).content.decode()

    assert str(session.pk) in html
    assert '<select name="action"' not in html
    assert client.get(page_of(session)).status_code == 200


def test_who_may_change_sees_the_actions(operator, session):
    html = operator.get(SESSIONS).content.decode()

    for action in ACTIONS:
        assert f'<option value="{action}">' in html
    assert "delete_selected" not in html


def test_actions_need_the_token_against_forged_requests(operator, session):
    client = Client(enforce_csrf_checks=True)
    client.cookies = operator.cookies

    assert run(client, "end", session).status_code == 403
    assert not Session.objects.ended().exists()


def test_deleting_needs_the_delete_permission(operator, answered):
    delete = page_of(answered).replace("change/", "delete/")

    assert operator.post(delete, {"post": "yes"}).status_code == 403
    assert Session.objects.exists()


@pytest.mark.parametrize("way", ["page", "action"])
def test_deleting_takes_everything_along_that_belongs_to_it(staff, answered, way):
    client = staff("view_session", "delete_session")
    endpoint = WebhookEndpoint.objects.create(name="A", url="https://example.com/")
    for event in answered.events.all():
        WebhookDelivery.objects.create(
            endpoint=endpoint, event=event, session_id=answered.pk, sequence=event.sequence
        )

    if way == "page":
        response = client.post(
            page_of(answered).replace("change/", "delete/"), {"post": "yes"}
        )
    else:
        response = client.post(
            SESSIONS,
            {"action": "delete_selected", "_selected_action": answered.pk, "post": "yes"},
        )

    assert response.status_code == 302
    for model in (Session, Message, Reply, Event, WebhookDelivery):
        assert not model.objects.exists()
    assert Agent.objects.exists()


def test_who_may_only_view_agents_edits_none(staff, agent):
    client = staff("view_agent")

    assert str(agent.pk) in client.get(AGENTS).content.decode()
    assert 'name="_save"' not in client.get(page_of(agent)).content.decode()
    assert client.post(page_of(agent), {"name": "Mine"}).status_code == 403
    assert Agent.objects.get().name == "Eliza"


@pytest.mark.django_db
def test_the_index_offers_the_lists_and_what_can_be_added(admin_client):
    html = admin_client.get("/admin/").content.decode()

    for path in LISTS:
        assert f'href="{path}"' in html
        assert (f'href="{path}add/"' in html) is (path in (AGENTS, ENDPOINTS, KEYS))
    assert "/message/" not in html


def test_nobody_edits_or_deletes_replies(admin_client, answered):
    page = page_of(Reply.objects.get())

    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"status": "failed"}).status_code == 403
    delete = page.replace("change/", "delete/")
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    assert Reply.objects.get().status == Reply.Status.COMPLETE


def test_superusers_may_do_everything(admin_client, session):
    assert User.objects.get().is_superuser

    run(admin_client, "end", session)

    assert Session.objects.ended().exists()
