"""Every page and action of the admin, as everybody."""

import uuid

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory

from django_eliza_sessions.models import (
    AuditRecord,
    Reply,
    WebhookDelivery,
    WebhookEndpoint,
)
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import keys
from django_eliza_sessions.services.erasure import erase_user
from django_eliza_sessions.services.holds import hold_session

APP = apps.get_app_config("django_eliza_sessions")
ADMINS = {
    model._meta.model_name: model_admin
    for model, model_admin in admin.site._registry.items()
    if model._meta.app_config is APP
}
CHANGELIST, ADD = "", "add/"
CHANGE, DELETE, HISTORY = (
    f"<path:object_id>/{page}" for page in ("change/", "delete/", "history/")
)
SHORT = "<path:object_id>/"

#: What a superuser gets from each page, the rest of the pages being 200. The walk fails
#: where a model, a page or an action is not here.
REFUSED = {
    "agent": set(),
    "apikey": {DELETE},
    "auditrecord": {ADD, DELETE},
    "erasure": {ADD, DELETE},
    "event": {ADD, DELETE},
    "reply": {ADD, DELETE},
    "session": {ADD},
    "webhookdelivery": {ADD, DELETE},
    "webhookendpoint": set(),
}
PAGES = {CHANGELIST, ADD, CHANGE, DELETE, HISTORY, SHORT}
ACTIONS = {
    "agent": {"delete_selected"},
    "apikey": {"revoke"},
    "auditrecord": set(),
    "erasure": set(),
    "event": {"hand_out_again"},
    "reply": set(),
    "session": {
        *("delete_selected", "renew", "expire", "end", "end_of_users", "hold", "lift"),
        *("export_of_users", "erase_of_users"),
    },
    "webhookdelivery": {"send_again"},
    "webhookendpoint": {"delete_selected", "send_test", "rotate_secret"},
}
every_page = pytest.mark.parametrize(
    ("model", "page"),
    [(model, page) for model in REFUSED for page in sorted(PAGES)],
    ids=lambda part: part or "list",
)
every_action = pytest.mark.parametrize(
    ("model", "action"),
    [(model, action) for model, actions in ACTIONS.items() for action in sorted(actions)],
)


def request_of(user):
    request = RequestFactory().get("/admin/")
    request.user = user
    return request


@pytest.mark.django_db
def test_the_walk_leaves_nothing_out(admin_user):
    assert ADMINS.keys() == REFUSED.keys() == ACTIONS.keys()
    for model, model_admin in ADMINS.items():
        assert {str(url.pattern) for url in model_admin.get_urls()} == PAGES, model
        assert model_admin.get_actions(request_of(admin_user)).keys() == ACTIONS[model]
        assert not model_admin.list_editable


@pytest.fixture
def rows(callers, session_of):
    """One row of each model."""
    session, message_id = session_of("owner")
    hold_session(principal=SYSTEM, session_id=session.pk, reason="Case 6")
    event = session.events.last()
    endpoint = WebhookEndpoint.objects.create(name="A", url="https://example.com/")
    return {
        "agent": session.agent,
        "apikey": keys.create_key(name="App")[0],
        "auditrecord": AuditRecord.objects.last(),
        "event": event,
        "erasure": erase_user(principal=SYSTEM, user_id=uuid.uuid4()),
        "reply": Reply.objects.get(message_id=message_id),
        "session": session,
        "webhookdelivery": WebhookDelivery.objects.create(
            endpoint=endpoint, event=event, session_id=session.pk, sequence=event.sequence
        ),
        "webhookendpoint": endpoint,
    }


def address(rows, model, page=CHANGELIST):
    page = page.replace("<path:object_id>", str(rows[model].pk))
    return f"/admin/{APP.label}/{model}/{page}"


def logged_in(name, permissions=(), **fields):
    client, user = Client(), User.objects.create_user(name, **fields)
    user.user_permissions.set(permissions)
    client.force_login(user)
    return client


def stored():
    return {
        model: list(model._default_manager.order_by("pk").values())
        for model in APP.get_models()
    }


@pytest.fixture
def outsiders(callers):
    """Whoever is not staff, with their sessions and keys; all have to log in."""
    staff = callers["staff"]
    return [caller.client() for caller in callers.values() if caller is not staff]


@every_page
def test_pages(rows, outsiders, callers, admin_client, model, page):
    path, before = address(rows, model, page), stored()
    for client in outsiders:
        for response in (client.get(path), client.post(path, {"post": "yes"})):
            assert response.status_code == 302
            assert response.url.startswith("/admin/login/")
    if page != SHORT:  # Only leads to the page itself.
        staff = callers["staff"].client()
        assert staff.get(path).status_code == 403
        assert staff.post(path, {"post": "yes"}).status_code == 403
    assert stored() == before
    expected = 403 if page in REFUSED[model] else 302 if page == SHORT else 200
    assert admin_client.get(path).status_code == expected
    after = stored()
    if (model, page) == ("session", CHANGE):  # A transcript was read.
        assert after[AuditRecord].pop()["action"] == AuditRecord.Action.TRANSCRIPT_READ
    assert after == before


@every_action
def test_actions(rows, outsiders, callers, model, action):
    path, before = address(rows, model), stored()
    form = {
        "action": action,
        "_selected_action": [rows[model].pk],
        "confirmed": "yes",
        "post": "yes",
        "reason": "Case 7",
    }
    viewing = Permission.objects.filter(codename=f"view_{model}")
    adding = Permission.objects.filter(codename__in=[f"view_{model}", f"add_{model}"])
    others = Permission.objects.exclude(codename__endswith=f"_{model}")
    clients = [
        *outsiders,
        callers["staff"].client(),
        logged_in("viewer", viewing, is_staff=True),
        logged_in("adder", adding, is_staff=True),
        logged_in("busybody", [*others, *viewing], is_staff=True),
    ]
    for client in clients:
        # Nor is anything told: an export leaves no trace.
        assert client.post(path, form)["Content-Type"] != "application/x-ndjson"
    # And nobody, by a link.
    root = logged_in("root", is_staff=True, is_superuser=True)
    root.get(path, form, follow=True)
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = root.cookies
    assert careful.post(path, form).status_code == 403
    assert stored() == before
