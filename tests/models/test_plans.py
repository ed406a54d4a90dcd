"""No operation reads a whole table, or a whole index: the plans of all its statements."""

import re

import pytest
from django.core.cache import cache
from django.db import connection, transaction

from benchmarks.rows import add_rows, add_sessions, literal, moment, numbers
from django_eliza_sessions.models import (
    Agent,
    AuditRecord,
    Event,
    IdempotencyKey,
    Message,
    RateCount,
    Reply,
    ReplyChunk,
    Session,
    WebhookDelivery,
    WebhookEndpoint,
)
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services import (
    deliveries,
    ending,
    erasure,
    export,
    following,
    history,
    holds,
    jobs,
    keys,
    lifecycle,
    lookup,
    messages,
    overview,
    relay,
    replies,
    sweep,
    users,
    watching,
)
from django_eliza_sessions.services.overview import State
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

AGENTS = 10
SESSIONS_OF_EACH = {"": 500, "expired": 1200, "ended": 300}
USER = Principal(id="user:7")
BIG = {
    model._meta.db_table
    for model in (
        *(Session, Message, Reply, ReplyChunk, Event, AuditRecord, WebhookDelivery),
        *(IdempotencyKey, RateCount),
    )
}
#: What may read all there is, by a part of the statement, and why.
JUSTIFIED = {
    "AS few": "a count, which stops after 1,001 rows",
    "AS many": "a count of more than 1,000 rows, kept for ten seconds",
    'MAX("django_eliza_sessions_event"."id")': "reads one end of the index",
    "ORDER BY 1 ASC LIMIT 200 FOR NO KEY UPDATE": "one pass over all that are to be ended",
    '"details" -> ': "an erasure looks once for what is only in the audit any more",
}
if connection.vendor == "sqlite":
    JUSTIFIED['"django_eliza_sessions_reply"."lease_until" ASC LIMIT 1000'] = (
        "SQLite takes a partial index only where the statement spells its values out"
    )
#: Indexes of what is yet to be done only, which is all read.
TO_BE_DONE = {
    "eliza_delivery_due",
    "eliza_delivery_in_order",
    "eliza_event_due",
    "eliza_reply_lease",
    "eliza_session_due",
}


@pytest.fixture
def stored(db, clock):
    """Fill every table that grows; return a live session that has a bit of everything."""
    agents = [Agent.objects.create(name=str(n), retention_days=30) for n in range(AGENTS)]
    for agent in agents:
        for reason, count in SESSIONS_OF_EACH.items():
            add_sessions(
                count,
                agent_id=agent.pk,
                owner="'user:' || (n % 50)",
                # A few of the open ones are due, and of the closed ones to be purged.
                created=f"-7200 - n * {30 * 24 * 3600 / count}" if reason else "-n * 3.02",
                reason=reason,
            )
    session = f"{Session._meta.db_table} AS session"
    message, reply, event = (
        f"{model._meta.db_table} AS {model._meta.model_name}"
        for model in (Message, Reply, Event)
    )
    for n in range(2):
        add_rows(
            Message,
            session,
            session_id="session.id",
            author_id="session.user_id",
            content="'Hello'",
            is_agent="true" if n else "false",
            created_at=moment(f"{n} - 900"),
        )
    add_rows(
        Reply,
        f"{message} WHERE is_agent = false",
        session_id="session_id",
        message_id="id",
        status="'complete'",
        created_at="created_at",
        lease_until="created_at",
        finished_at="created_at",
    )
    add_rows(ReplyChunk, reply, reply_id="reply.id", text="'Hel'")
    for n, kind in enumerate(("created", "message", "message", "message"), 1):
        add_rows(
            Event,
            session,
            session_id="session.id",
            sequence=str(n),
            kind=f"'{kind}'",
            created_at="session.created_at",
        )
    Session.objects.update(last_sequence=4)
    endpoint = WebhookEndpoint.objects.create(name="Reports", url="https://example.com/")
    add_rows(
        WebhookDelivery,
        f"{event} WHERE kind = 'message'",
        event_id="event.id",
        endpoint_id=literal(endpoint.pk),
        session_id="event.session_id",
        sequence="event.sequence",
        status="'delivered'",
    )
    for action in ("session_created", "session_expired"):
        add_rows(
            AuditRecord,
            session,
            at="session.created_at",
            actor="session.owner",
            door="'http'",
            action=f"'{action}'",
            session_id="session.id",
        )
    add_rows(
        IdempotencyKey,
        message,
        owner="'user:7'",
        key=f"CAST({message.split()[-1]}.id AS varchar(36))",
        session_id="session_id",
        message_id="id",
        created_at=moment("-60"),
    )
    add_rows(RateCount, numbers(20_000), key="'key' || n", expires_at=moment("60"))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    yield Session.objects.active(NOON).filter(owner=USER.id).newest_first()[0]
    cache.clear()  # Counts of so many are kept for a while.


@pytest.fixture
def operations(stored, configure):
    """What everybody does, by name; each is given the same tables."""
    configure(
        JOB_DISPATCHER="tests.models.test_plans.leave", MAX_ACTIVE_SESSIONS_PER_USER=3
    )
    mine = {"principal": USER, "session_id": stored.pk}
    agent_id, user_id, now = stored.agent_id, stored.user_id, NOON
    said_at = stored.messages.order_by("created_at")[0].created_at

    def send(**arguments):
        return messages.send_message(**mine, content="Hello", **arguments)

    def list_all(**arguments):
        cache.clear()
        page = overview.list_sessions(principal=SYSTEM, limit=20, **arguments)
        if page.next_place:
            overview.list_sessions(
                principal=SYSTEM, limit=20, after=page.next_place, **arguments
            )

    def relayed():
        lifecycle.end_session(**mine)
        relay.relay_events()
        deliveries._claim(10)

    def key():
        _, text = keys.create_key(name="Mine")
        keys.find_key(text)

    lists = {
        f"list {state} {sorted(filters)}": lambda state=state, filters=filters: list_all(
            state=state, **filters
        )
        for state in State
        for filters in (
            {},
            {"agent_id": agent_id},
            {"user_id": user_id},
            {"agent_id": agent_id, "user_id": user_id},
        )
    }
    told = following.Follower(stored.pk, 0, lambda _heard: None)
    return lists | {
        "create": lambda: lifecycle.create_session(
            principal=USER, agent_id=agent_id, user_id=user_id, idempotency_key="new"
        ),
        "get": lambda: lookup.get_session(**mine),
        "heartbeat": lambda: lifecycle.record_heartbeat(**mine),
        "renew": lambda: lifecycle.renew_session(**mine),
        "update timeout": lambda: lifecycle.update_timeout(
            **mine, timeouts={"timeout_minutes": 60}
        ),
        "end": lambda: lifecycle.end_session(**mine),
        "expire": lambda: lifecycle.expire_session(**mine),
        "message": send,
        "message over http": lambda: send(transport="http"),
        "message again": lambda: [send(idempotency_key="again") for _ in range(2)],
        "cancel": lambda: replies.cancel_reply(**mine, message_id=send().message.pk),
        "history": lambda: history.list_messages(**mine, limit=50),
        "history before": lambda: history.list_messages(**mine, limit=50, before=now),
        "history after": lambda: history.list_messages(**mine, limit=50, after=said_at),
        "history between": lambda: history.list_messages(
            **mine, limit=50, after=said_at, before=now
        ),
        "own list": lambda: overview.list_sessions(principal=USER, limit=20, mine=True),
        "health": lambda: [cache.clear(), overview.check_health()],
        "sweep": sweep.sweep_sessions,
        "recover replies": replies.recover_replies,
        "recover jobs": jobs.recover_jobs,
        "relay and deliveries": relayed,
        "purge": sweep.purge_sessions,
        "export": lambda: list(export.export_user(principal=SYSTEM, user_id=user_id)),
        "erase": lambda: erasure.erase_user(principal=SYSTEM, user_id=user_id),
        "end a user's": lambda: users.end_sessions_of_user(
            principal=SYSTEM, user_id=user_id
        ),
        "end everybody's": ending.end_all_sessions,
        "hold": lambda: holds.hold_session(
            principal=SYSTEM, session_id=stored.pk, reason="Asked for"
        ),
        "key": key,
        "follow": lambda: [
            following._look_at_newest(following._look_at_newest(None)[0] - 5),
            following._tell({stored.pk: [told]}),
        ],
        "watch": lambda: watching._deliver_news(
            [watching._Watcher(send().reply.pk, 0, lambda _progress: None)]
        ),
    }


def leave(_name):
    """Be a ``JOB_DISPATCHER`` that leaves the jobs to the test."""


def test_no_operation_reads_all_of_a_table(operations):
    assert not "\n".join(sorted(find_reading_all(operations)))


@pytest.mark.postgresql
def test_messages_heaped_up_in_one_session_slow_no_other_down(operations):
    other = Session.objects.active(NOON).exclude(owner=USER.id)[0]
    Reply.objects.update(session=other, status=Reply.Status.QUEUED, finished_at=None)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    names = ("sweep", "message over http", "cancel", "end")

    assert not "\n".join(find_reading_all({name: operations[name] for name in names}))


def find_reading_all(operations):
    """Return which statements do, with the operations that they are of."""
    found = set()
    for name, operation in operations.items():

        def explain(execute, sql, params, many, context, name=name):
            if STATEMENT.match(sql) and not any(part in sql for part in JUSTIFIED):
                # On a cursor of its own, for this one may be the server's.
                with connection.cursor() as cursor:
                    cursor.execute(EXPLAIN[connection.vendor] + sql, params)
                    plan = cursor.fetchall()
                for what in READS_ALL[connection.vendor](plan, sql):
                    found.add(f"{name}: {what}\n    {sql}")
            return execute(sql, params, many, context)

        with transaction.atomic():
            with connection.execute_wrapper(explain):
                operation()
            transaction.set_rollback(True)
    return found


def postgresql_reads_all(plan, _sql):
    """Tell of scans without a condition that an index could be asked for."""
    [[[described]]] = plan
    nodes = [described["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
        if node.get("Relation Name") in BIG and (
            node["Node Type"] == "Seq Scan" or _walks_all(node)
        ):
            yield f"{node['Node Type']} on {node['Relation Name']} {node.get('Index Name')}"


def _walks_all(node):
    index = node.get("Index Name")
    return index and "Index Cond" not in node and index not in TO_BE_DONE


def sqlite_reads_all(plan, sql):
    """Tell of scans that are not of an index in the order that is asked for."""
    names = dict(re.findall(r'(django_eliza_sessions_\w+)"?(?: AS)? "?(\w+)', sql))
    big = BIG | {names[table] for table in BIG & names.keys()}
    for *_ids, step in plan:
        scan = re.fullmatch(r"SCAN (\w+)", step)
        if scan and scan[1] in big:
            yield step


STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
EXPLAIN = {"postgresql": "EXPLAIN (FORMAT JSON) ", "sqlite": "EXPLAIN QUERY PLAN "}
READS_ALL = {"postgresql": postgresql_reads_all, "sqlite": sqlite_reads_all}
