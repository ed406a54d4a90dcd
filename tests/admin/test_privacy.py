"""Ending, exporting, erasing and holding from the list of sessions; receipts."""

import json

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin.models import LogEntry
from django.test import AsyncClient

from django_eliza_sessions.models import Erasure, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle
from django_eliza_sessions.services.erasure import erase_user
from django_eliza_sessions.services.holds import hold_session
from tests.admin.conftest import SESSIONS, page_of

ERASURES = "/admin/django_eliza_sessions/erasure/"
ACTIONS = {
    "end_of_users": "change_session",
    "export_of_users": "export_session",
    "erase_of_users": "erase_session",
    "hold": "hold_session",
    "lift": "hold_session",
}


@pytest.fixture
def sessions(session_factory):
    """Two of a user, and one of somebody else."""
    first = session_factory()
    return first, session_factory(user_id=first.user_id), session_factory()


def run(client, action, *sessions, **data):
    form = {"action": action, "_selected_action": [s.pk for s in sessions]} | data
    return client.post(SESSIONS, form)


@pytest.fixture
def act(staff):
    """Run a confirmed action as somebody who has just the permission for it."""

    def confirmed(action, *sessions, **data):
        client = staff("view_session", ACTIONS[action])
        return run(client, action, *sessions, confirmed="yes", **data)

    return confirmed


@pytest.mark.parametrize("action", ACTIONS)
def test_asks_and_changes_nothing(staff, sessions, action):
    before = list(Session.objects.order_by("pk").values())
    page = run(staff("view_session", ACTIONS[action]), action, sessions[0])
    html = page.content.decode()
    assert page.status_code == 200
    assert f'name="action" value="{action}"' in html
    assert f'name="_selected_action" value="{sessions[0].pk}"' in html
    assert str(sessions[1].pk) not in html
    assert list(Session.objects.order_by("pk").values()) == before
    assert not Erasure.objects.exists()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("action", ACTIONS)
def test_needs_its_own_permission(staff, sessions, action):
    hold_session(principal=SYSTEM, session_id=sessions[1].pk, reason="Case 6")
    before = list(Session.objects.order_by("pk").values())
    others = {*ACTIONS.values(), "delete_session"} - {ACTIONS[action]}
    client = staff("view_session", *others)
    response = run(client, action, *sessions, confirmed="yes", reason="Case 7")
    assert response["Content-Type"] != "application/x-ndjson"
    assert list(Session.objects.order_by("pk").values()) == before
    assert not Erasure.objects.exists()


def test_ends_every_session_of_the_user(act, sessions):
    act("end_of_users", sessions[0])
    assert set(Session.objects.ended()) == set(sessions[:2])


def test_exports_everything_of_the_user(act, sessions):
    response = act("export_of_users", sessions[0])
    assert response["Content-Type"] == "application/x-ndjson"
    assert response["Content-Disposition"].startswith("attachment")
    assert "no-store" in response["Cache-Control"]
    records = [json.loads(line) for line in b"".join(response).splitlines()]
    ids = {record["id"] for record in records if record["type"] == "session"}
    assert ids == {str(session.pk) for session in sessions[:2]}
    assert LogEntry.objects.get().object_id == str(sessions[0].pk)


@pytest.mark.django_db(transaction=True)
def test_exports_under_asgi(admin_user, sessions):
    client = AsyncClient()
    client.force_login(admin_user)
    form = {
        "action": "export_of_users",
        "_selected_action": [sessions[0].pk],
        "confirmed": "yes",
    }

    async def download():
        response = await client.post(SESSIONS, form)
        return b"".join([part async for part in response])

    assert len(async_to_sync(download)().splitlines()) == 4


def test_has_everything_of_the_user_erased(
    act, sessions, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        act("erase_of_users", sessions[0])
    assert Session.objects.get() == sessions[2]
    receipt = Erasure.objects.get()
    assert receipt.finished_at is not None
    assert receipt.requested_by.startswith("user:")
    assert not LogEntry.objects.exists()


def test_holds_for_a_reason_and_lifts(act, sessions):
    act("hold", *sessions[:2], reason="Case 7")
    held = Session.objects.filter(legal_hold=True)
    assert set(held) == set(sessions[:2])
    assert held[0].hold_reason == "Case 7"

    act("lift", sessions[0])
    assert held.get() == sessions[1]


def test_no_hold_without_a_reason(act, sessions):
    page = act("hold", sessions[0], reason=" ")
    assert "reason must have 1 to 1000 characters" in page.content.decode()
    assert not Session.objects.filter(legal_hold=True).exists()


def test_what_was_anonymised_is_no_users(act, session):
    Session.objects.update(user_id="00000000-0000-0000-0000-000000000000")
    lifecycle.end_session(principal=SYSTEM, session_id=session.pk)
    Session.objects.update(anonymised_at=session.created_at)
    act("erase_of_users", session)
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("way", ["page", "action"])
def test_the_admin_deletes_no_session_that_is_held(staff, session, way):
    client = staff("view_session", "delete_session")
    hold_session(principal=SYSTEM, session_id=session.pk, reason="Case 7")
    if way == "page":
        url = page_of(session).replace("change/", "delete/")
        shown = client.get(url)
        client.post(url, {"post": "yes"})
    else:
        shown = run(client, "delete_selected", session)
        run(client, "delete_selected", session, post="yes")
    assert "is under a legal hold" in shown.content.decode()
    assert Session.objects.exists()


def test_the_list_finds_what_is_held(listed, sessions):
    hold_session(principal=SYSTEM, session_id=sessions[1].pk, reason="Case 7")
    assert listed(legal_hold__exact="1") == [sessions[1]]


def test_receipts_can_be_looked_at_and_nothing_else(staff, session):
    receipt = erase_user(principal=SYSTEM, user_id=session.user_id)
    client = staff("view_erasure", "change_erasure", "delete_erasure")
    assert page_of(receipt) in client.get(ERASURES).content.decode()
    html = client.get(page_of(receipt)).content.decode()
    assert receipt.digest in html
    assert "django_eliza_sessions_session" in html
    assert str(session.user_id) not in html
    for page in ("change/", "delete/"):
        url = page_of(receipt).replace("change/", page)
        assert client.post(url, {"post": "yes"}).status_code == 403
    assert Erasure.objects.exists()
