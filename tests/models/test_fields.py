"""JSON that comes back as it was stored, however it is written."""

import json

import pytest
from django.db import connection
from django.db.models import Value

from django_eliza_sessions.models import Session
from django_eliza_sessions.models.fields import VerbatimJSONField

pytestmark = pytest.mark.django_db
METADATA = {"b": 1e20, "a": [10**30, -0.0], "B": {"é": "😀"}}


def same(session):
    session.refresh_from_db()
    return json.dumps(session.metadata) == json.dumps(METADATA)


def test_create(session_factory):
    assert same(session_factory(metadata=METADATA))


def test_save(session):
    session.metadata = METADATA
    session.save()

    assert same(session)


def test_update(session):
    Session.objects.update(metadata=METADATA)

    assert same(session)


def test_update_with_an_expression(session):
    Session.objects.update(metadata=Value({"a": 1}, output_field=VerbatimJSONField()))

    session.refresh_from_db()
    assert session.metadata == {"a": 1}


def test_bulk_update(session_factory):
    sessions = [session_factory(), session_factory()]
    for session in sessions:
        session.metadata = METADATA
    Session.objects.bulk_update(sessions, ["metadata"])

    assert all(same(session) for session in sessions)


def test_bulk_create(session):
    copies = [Session.objects.get(pk=session.pk) for _ in range(2)]
    for index, copy in enumerate(copies):
        copy.pk = f"{index:032x}"
        copy.metadata = METADATA
    Session.objects.bulk_create(copies)

    assert all(same(copy) for copy in copies)


def test_values(session_factory):
    session_factory(metadata=METADATA)

    assert json.dumps(Session.objects.values_list("metadata", flat=True).get()) == (
        json.dumps(METADATA)
    )


@pytest.mark.postgresql
def test_type_on_postgresql():
    assert Session._meta.get_field("metadata").db_type(connection) == "json"
