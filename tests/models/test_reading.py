"""Reading what is said in a session."""

import psycopg
import pytest
from django.db import connection

from benchmarks.rows import add_rows, add_sessions, literal, moment, numbers
from django_eliza_sessions.models import Message, Reply, Session
from django_eliza_sessions.models.reading import read_messages, said_before
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "read",
    [
        lambda session: read_messages(session.pk, 20),
        lambda session: read_messages(session.pk, 20, before=NOON),
        lambda session: read_messages(session.pk, 20, after=NOON),
        lambda session: read_messages(session.pk, 20, live_at=NOON, owner="system"),
        lambda session: said_before(Reply(session=session, created_at=NOON), 20),
    ],
    ids=["page", "before", "after", "live", "told"],
)
def test_is_planned_once_for_all_sessions(session, read, monkeypatch):
    """Also where a few sessions are so long that most are shorter than the average."""
    add_sessions(500, agent_id=session.agent_id)
    others = f"{Session._meta.db_table} AS session, {numbers(4)}"
    at = {"created_at": moment("-n")}
    mine = literal(session.pk)
    add_rows(Message, f"{others} WHERE session.id <> {mine}", session_id="session.id", **at)
    add_rows(Message, numbers(4000), session_id=mine, **at)
    said = f"{Message._meta.db_table} AS message WHERE created_at < now()"
    add_rows(
        Reply,
        said,
        session_id="session_id",
        message_id="id",
        status="'complete'",
        created_at="created_at",
        lease_until="created_at",
    )
    asked = []

    def note(execute, sql, params, many, context):
        asked.append((sql, params))
        return execute(sql, params, many, context)

    short = Session.objects.exclude(pk=session.pk)[0]
    with connection.cursor() as cursor, connection.execute_wrapper(note):
        cursor.execute("ANALYZE")
        asked.clear()
        read(short)
    [(sql, params)] = asked
    monkeypatch.setattr(connection.connection, "prepare_threshold", 0)
    prepared = psycopg.Cursor(connection.connection)
    for _ in range(7):  # PostgreSQL looks at five before it decides.
        prepared.execute(sql, params)
    prepared.execute(
        "SELECT generic_plans FROM pg_prepared_statements WHERE custom_plans = 5"
    )
    assert prepared.fetchall() == [(2,)]
