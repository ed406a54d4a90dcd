"""Single rows, read and written as QuerySets would."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connections, transaction
from django.db.models import F

from django_eliza_sessions.models import Agent, Event, Message, Reply, Session
from django_eliza_sessions.models.activity import update_session
from django_eliza_sessions.models.columns import prepare
from django_eliza_sessions.models.rows import (
    fetch_query,
    fetch_row,
    fetch_rows,
    insert_rows,
    update_row,
    update_row_if,
)
from tests.conftest import NOON
from tests.services.race import meanwhile, wait_until

pytestmark = pytest.mark.django_db
TEXTS = ["", "plain", "é 😀 %s '\"\\", "x" * 4000]
VALUES = [{}, {"b": 1e20, "a": [10**30, None, True]}, {"%s": ["😀"]}]


def message(session, **fields):
    return Message(
        **{
            "session": session,
            "author_id": session.user_id,
            "is_agent": False,
            "content": "Hello",
            "created_at": NOON,
        }
        | fields
    )


def values(row):
    return {
        field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields
    }


def same(row):
    """Compare what is stored with what QuerySets read, and return it."""
    stored = type(row)._default_manager.get(pk=row.pk)
    assert values(stored) == values(row)
    assert [type(value) for value in values(stored).values()] == [
        type(value) for value in values(row).values()
    ]
    return stored


class TestInserting:
    @pytest.mark.parametrize("content", TEXTS)
    @pytest.mark.parametrize("metadata", VALUES)
    def test_stores_every_field(self, session, content, metadata):
        row = message(session, content=content, metadata=metadata)

        insert_rows([row])

        assert same(row) == row
        assert row._state.adding is False

    def test_stores_several_at_once(self, session, django_assert_num_queries):
        events = [
            Event(session=session, sequence=number, kind="message", created_at=NOON)
            for number in range(2, 5)
        ]
        with django_assert_num_queries(1):
            insert_rows(events)

        assert list(session.events.values_list("sequence", flat=True)) == [1, 2, 3, 4]


class TestUpdating:
    def test_writes_only_the_fields_named(self, session):
        session.metadata, session.renewal_count = {"a": [1]}, 7

        update_row(session, "metadata")

        stored = Session.objects.get()
        assert (stored.metadata, stored.renewal_count) == ({"a": [1]}, 0)

    def test_leaves_other_rows_alone(self, session_factory):
        one, other = session_factory(), session_factory()
        one.renewal_count = 7

        update_row(one, "renewal_count")

        assert same(one).renewal_count == 7
        assert same(other).renewal_count == 0

    def test_writes_if_the_row_is_as_expected(self, session):
        later = NOON + timedelta(minutes=1)
        changed = update_row_if(session, {"renewal_count": 0}, {"last_activity_at": later})

        assert changed is True
        assert same(session).last_activity_at == later

    def test_writes_nothing_if_it_is_not(self, session):
        changed = update_row_if(session, {"renewal_count": 1}, {"renewal_count": 9})

        assert changed is False
        assert same(session).renewal_count == 0


class TestFetching:
    def test_returns_what_a_queryset_would(self, session):
        update = {"metadata": {"b": 1e20, "a": "é"}, "warned_for": NOON}
        Session.objects.update(**update)

        row = fetch_row(Session, id=session.pk)

        assert same(row) == session
        assert (row._state.adding, row._state.db) == (False, "default")

    @pytest.mark.postgresql
    def test_has_times_read_by_the_driver(self, session, monkeypatch):
        loader = "django.db.backends.postgresql.psycopg_any.BaseTzLoader.load"
        monkeypatch.setattr(loader, lambda *_: pytest.fail("Python read a time."))

        assert fetch_row(Session, id=session.pk).created_at == session.created_at

    def test_reads_a_query_in_its_order(self, session_factory, django_assert_num_queries):
        ids = sorted(session_factory(metadata={"n": n}).pk for n in range(3))

        with django_assert_num_queries(1):
            rows = fetch_query(Session.objects.order_by("-id")[:2])

        assert [row.pk for row in rows] == [ids[2], ids[1]]
        for row in rows:
            same(row)

    def test_reads_nothing_of_a_query_that_cannot_match(self, session):
        assert fetch_query(Session.objects.filter(agent_id__in=[])) == []

    def test_follows_foreign_keys(self, session, agent, django_assert_num_queries):
        row = message(session)
        insert_rows([row])
        reply = Reply(session=session, message=row, created_at=NOON, lease_until=NOON)
        insert_rows([reply])

        with django_assert_num_queries(1):
            reply = fetch_row(Reply, "message", "session", "session__agent", message=row.pk)
            assert reply.message == row
            assert reply.session.agent == agent

        for each in (reply, reply.message, reply.session, reply.session.agent):
            same(each)

    def test_returns_nothing_where_nothing_matches(self, session):
        assert fetch_row(Session, id=uuid.uuid4()) is None
        assert fetch_row(Session, id=session.pk, owner="somebody else") is None

    def test_returns_many_as_asked(self, session):
        insert_rows(
            [
                message(session, created_at=NOON + timedelta(seconds=n), content=f"{n}")
                for n in range(5)
            ]
        )

        rows = fetch_rows(
            Message,
            session=session.pk,
            also="ORDER BY t0.created_at DESC LIMIT 2",
        )

        assert [row.content for row in rows] == ["4", "3"]

    @pytest.mark.postgresql
    @pytest.mark.django_db(transaction=True)
    def test_holds_the_row_and_only_that(self, session):
        is_held = threading.Event()

        def change():
            assert is_held.wait(20)
            Agent.objects.update(name="Free")
            with transaction.atomic():
                return fetch_row(Session, lock=True, id=session.pk).renewal_count

        with meanwhile(change) as count, transaction.atomic():
            held = fetch_row(Session, "agent", lock=True, id=session.pk)
            is_held.set()
            wait_until(lambda: Agent.objects.get().name == "Free", "the agent")
            held.renewal_count = 5
            update_row(held, "renewal_count")

        assert count.result() == 5


def test_what_may_be_null_is_null_by_default():
    """``together`` leaves out of a new row what is to be NULL."""
    models = apps.get_app_config("django_eliza_sessions").get_models()
    fields = [field for model in models for field in model._meta.concrete_fields]
    assert not [field for field in fields if field.null and field.has_db_default()]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", uuid.UUID(int=7)),
        ("user_id", str(uuid.UUID(int=7))),
        ("agent_id", uuid.UUID(int=7)),
        ("agent_id", str(uuid.UUID(int=7))),
        ("owner", "key:app"),
        ("owner", 7),
        ("legal_hold", True),
        ("legal_hold", "True"),
        ("renewal_count", True),
        ("renewal_count", 7),
        ("closed_at", None),
        ("closed_at", NOON),
        ("hold_reason", Session.CloseReason.ENDED),
    ],
)
def test_values_are_prepared_as_django_does_it(field, value):
    [column] = [each for each in Session._meta.concrete_fields if each.attname == field]
    ours = prepare(column, value, connections["default"])
    theirs = column.get_db_prep_save(value, connections["default"])
    assert (type(ours), ours) == (type(theirs), theirs)


def test_times_without_a_zone_are_djangos():
    column = Session._meta.get_field("closed_at")
    with pytest.warns(RuntimeWarning, match="naive"):
        prepare(column, NOON.replace(tzinfo=None), connections["default"])


def test_new_rows_take_nothing_else_from_the_changed_one(session):
    event = Event(session=session, sequence=F("last_sequence") + 1, kind="renewed")
    with pytest.raises(TypeError, match="F less a number"):
        update_session(session.pk, NOON, rows=[event])
