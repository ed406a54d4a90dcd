"""How rows call themselves, and that their tables are theirs alone."""

import uuid

import pytest
from django.apps import apps

from django_eliza_sessions.models import (
    Agent,
    ApiKey,
    AuditRecord,
    Erasure,
    Event,
    Message,
    RateCount,
    Reply,
    Session,
    WebhookDelivery,
    WebhookEndpoint,
)

OURS = apps.get_app_config("django_eliza_sessions")
ID = uuid.UUID("3c90c3cc-0d44-4b50-8888-8dd25736052a")


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (Agent(pk=ID, name="Eliza"), f"Eliza ({ID})"),
        (ApiKey(name="App", prefix="abc"), "App (abc)"),
        (AuditRecord(actor="user:1", action="session_ended"), "user:1: session_ended"),
        (Erasure(pk=7), "Erasure 7"),
        (Session(pk=ID), str(ID)),
        (Message(pk=ID), str(ID)),
        (Reply(pk=ID), str(ID)),
        (Event(session_id=ID, sequence=3, kind="ended"), f"{ID} #3: ended"),
        (RateCount(key="abc/1", count=2), "abc/1: 2"),
        (WebhookEndpoint(name="Reports"), "Reports"),
        (WebhookDelivery(session_id=ID, sequence=3), f"{ID} #3"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_str(row, name):
    assert str(row) == name


def test_lives_beside_the_sessions_of_django():
    theirs = apps.get_app_config("sessions").get_model("session")

    assert theirs._meta.db_table == "django_session"
    assert Session._meta.label_lower == "django_eliza_sessions.session"


def test_tables_constraints_and_indexes_are_told_apart_from_other_apps():
    for model in OURS.get_models():
        assert model._meta.db_table.startswith("django_eliza_sessions_")
        for part in (*model._meta.constraints, *model._meta.indexes):
            assert part.name.startswith("eliza_")
