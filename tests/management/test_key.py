"""``manage.py eliza_sessions_key``."""

import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_eliza_sessions.models import ApiKey
from django_eliza_sessions.services import keys
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


def run(*arguments):
    """Return what the command writes: what is for scripts, and what is for people."""
    out, notes = StringIO(), StringIO()
    call_command("eliza_sessions_key", *arguments, stdout=out, stderr=notes)
    return out.getvalue(), notes.getvalue()


def test_makes_a_key_and_writes_it_alone(clock):
    out, notes = run("create", "Desk")

    key = keys.find_key(out.rstrip("\n"))
    assert key == ApiKey.objects.get()
    assert (key.name, key.scopes, key.expires_at) == ("Desk", ["use"], None)
    assert str(key.user_id) in notes
    assert out.strip() not in notes


def test_makes_it_as_wished(agent, clock):
    run("create", "Desk", "--act-as", "--admin", "--days", "90", "--agent", str(agent.pk))

    key = ApiKey.objects.get()
    assert key.scopes == ["use", "act_as", "admin"]
    assert key.expires_at == NOON + timedelta(days=90)
    assert key.agent_ids == [str(agent.pk)]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["create", ""], "name must have 1 to 200 characters"),
        (["create", "x" * 201], "name must have 1 to 200 characters"),
        (["create", "Desk", "--days", "0"], "--days needs a number"),
        (["create", "Desk", "--days", "99999"], "--days needs a number"),
        (["create", "Desk", "--agent", "eliza"], "--agent must be a UUID"),
        (["create", "Desk", "--agent", str(uuid.UUID(int=1))], "There is no agent"),
        (["revoke", "abc"], "There is no API key"),
        ([], "required: COMMAND"),
    ],
)
def test_says_what_is_wrong(arguments, problem):
    with pytest.raises(CommandError, match=problem):
        run(*arguments)

    assert not ApiKey.objects.exists()


def test_revokes():
    key, text = keys.create_key(name="Desk")

    out, _ = run("revoke", key.prefix)

    assert out == f"Desk ({key.prefix}) is revoked\n"
    assert keys.find_key(text) is None


def test_lists(clock):
    old, text = keys.create_key(name="Old")
    keys.find_key(text)
    keys.revoke_key(prefix=old.prefix)
    clock.shift(timedelta(seconds=1))
    new, _ = keys.create_key(name="New", is_admin=True)

    out, _ = run("list")

    assert out.splitlines() == [
        f"{new.prefix}  active  use admin  last used never  New",
        f"{old.prefix}  revoked  use  last used 2026-01-01T12:00:00.000Z  Old",
    ]
