"""API keys are made in the admin, shown once, and revoked."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from django_eliza_sessions.models import ApiKey
from django_eliza_sessions.services import keys
from tests.admin.conftest import KEYS, new_id, page_of
from tests.conftest import NOON

TEXT = re.compile(r"eliza_[0-9a-f]{12}_[\w-]{43}")


@pytest.fixture
def maker(staff):
    return staff("view_apikey", "add_apikey", "change_apikey")


def add(client, **fields):
    return client.post(f"{KEYS}add/", {"name": "Desk"} | fields)


def expiring(moment):
    """Return what the form sends for a moment."""
    local = timezone.localtime(moment)
    return {"expires_at_0": f"{local:%Y-%m-%d}", "expires_at_1": f"{local:%H:%M:%S}"}


def revoke(client, key):
    return client.post(
        KEYS, {"action": "revoke", "_selected_action": [key.pk]}, follow=True
    )


def test_a_new_id_is_shown_once(maker):
    response = add(maker)

    [text] = TEXT.findall(response.content.decode())
    key = keys.find_key(text)
    assert key == ApiKey.objects.get()
    assert "no-store" in response["Cache-Control"]
    assert page_of(key) in maker.get(KEYS).content.decode()
    for page in (KEYS, page_of(key), f"{page_of(key)}../history/", "/admin/"):
        html = maker.get(page, follow=True).content.decode()
        assert not TEXT.search(html)
        assert key.digest not in html
    assert LogEntry.objects.get().object_id == str(key.pk)
    assert not TEXT.search(str(LogEntry.objects.values().get()))


def test_reloading_the_page_makes_no_second_one(maker):
    token = new_id(maker, KEYS)
    [text] = TEXT.findall(add(maker, **token).content.decode())

    again = add(maker, **token)

    assert again.status_code == 302
    assert "sent before" in maker.get(again.url).content.decode()
    assert ApiKey.objects.get() == keys.find_key(text)
    assert new_id(maker, KEYS) != token


def test_may_do_no_more_than_was_ticked(maker, agent, clock):
    add(maker)
    assert ApiKey.objects.get().scopes == ["use"]
    add(
        maker,
        name="Root",
        may_act_as="on",
        is_admin="on",
        agents=[agent.pk],
        **expiring(NOON + timedelta(days=1)),
    )
    key = ApiKey.objects.get(name="Root")
    assert key.scopes == ["use", "act_as", "admin"]
    assert key.agent_ids == [str(agent.pk)]
    assert key.expires_at == NOON + timedelta(days=1)


def test_one_that_would_never_work_is_not_made(maker, clock):
    response = add(maker, **expiring(NOON))

    assert "The key would never work." in response.content.decode()
    assert not ApiKey.objects.exists()


def test_the_pages_say_what_it_is_worth(maker, agent, clock):
    key, _ = keys.create_key(
        name="Desk", may_act_as=True, agent_ids=[agent.pk], expires_at=NOON + timedelta(1)
    )
    html = maker.get(page_of(key)).content.decode()
    for shown in (key.prefix, "use, act_as", f"Eliza ({agent.pk})", str(key.user_id)):
        assert shown in html
    assert "eliza-active" in maker.get(KEYS).content.decode()
    clock.shift(timedelta(days=1))
    assert "eliza-expired" in maker.get(KEYS).content.decode()
    keys.revoke_key(prefix=key.prefix)
    assert "eliza-revoked" in maker.get(KEYS).content.decode()
    agent_id = agent.pk
    agent.delete()
    assert f"deleted ({agent_id})" in maker.get(page_of(key)).content.decode()


def test_revoking(maker):
    key, text = keys.create_key(name="Desk")

    response = revoke(maker, key)

    assert f"{key} is revoked." in response.content.decode()
    assert keys.find_key(text) is None
    assert LogEntry.objects.get().get_change_message() == "Revoked."


@pytest.mark.parametrize("permission", ["view_apikey", "add_apikey", "delete_apikey"])
def test_revoking_needs_the_permission(staff, permission):
    key, text = keys.create_key(name="Desk")

    revoke(staff(permission), key)

    assert keys.find_key(text) == key


def test_nobody_edits_or_deletes_one(admin_client):
    key, _ = keys.create_key(name="Desk")
    before = ApiKey.objects.values().get()

    assert admin_client.post(page_of(key), {"is_admin": "on"}).status_code == 403
    delete = page_of(key).replace("change/", "delete/")
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403

    assert ApiKey.objects.values().get() == before
