"""What is said in a session: a page of it, and what a backend is told."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from uuid import UUID

from django.db import connection, models

from django_eliza_sessions.models.columns import own_connection, prepared
from django_eliza_sessions.models.message import Message
from django_eliza_sessions.models.reply import Reply
from django_eliza_sessions.models.session import Session
from django_eliza_sessions.models.statements import Statement, selecting

# SELECT keeps the values from PostgreSQL while it plans: as most sessions have fewer
# messages than the average, it would plan anew for each, which takes longer than reading.
_OF_SESSION = "session_id = (SELECT %(session)s)"
_EARLIER = "created_at < (SELECT %(before)s)"
#: What a bound of a page asks of its messages.
_BOUNDS = {
    "before": _EARLIER,
    "after": "created_at > (SELECT %(after)s)",
    "live_at": f"EXISTS (SELECT 1 FROM {Session._meta.db_table} WHERE id = %(session)s "
    "AND owner = %(owner)s AND closed_at IS NULL AND expires_at > %(live_at)s)",
}


def read_messages(
    session_id: UUID,
    limit: int,
    *,
    before: datetime | None = None,
    after: datetime | None = None,
    live_at: datetime | None = None,
    owner: str = "",
) -> list[Message]:
    """Return the newest messages of a session, the newest first.

    With ``after`` alone it is the oldest, the oldest first.

    Args:
        session_id: Which session.
        limit: How many at most.
        before: Only those strictly earlier.
        after: Only those strictly later.
        live_at: Only if the session is live then, and the owner's.
        owner: Who must have created it, with ``live_at``.
    """
    bounds: dict[str, tuple[type[models.Model], str, object]] = {
        "before": (Message, "created_at", before),
        "after": (Message, "created_at", after),
        "live_at": (Session, "expires_at", live_at),
    }
    given = {name: bound for name, bound in bounds.items() if bound[2] is not None}
    params = prepared(
        session=(Session, "id", session_id), owner=(Session, "owner", owner), **given
    )
    return _page(limit, tuple(given)).fetch(params)


@cache
def _page(limit: int, given: tuple[str, ...]) -> Statement:
    conditions = [_OF_SESSION, *(_BOUNDS[name] for name in given)]
    order = "" if "after" in given and "before" not in given else "DESC"
    return selecting(
        Message,
        f"SELECT id FROM {Message._meta.db_table} WHERE {' AND '.join(conditions)} "
        f"ORDER BY created_at {order} LIMIT {limit:d}",
    )


def said_before(reply: Reply, limit: int) -> list[tuple[bool, str, bool]]:
    """Return the newest of what was said before, the oldest first.

    Each answer comes right after its question. Nothing is asked where it came with the
    reply.

    Args:
        reply: To the message in question.
        limit: How many messages at most, where they did not come with it.

    Returns:
        Whether the agent said it, the text, and whether it was cut short.
    """
    if reply.told is not None:
        said = json.loads(reply.told)
    else:
        params = prepared(
            session=(Message, "session", reply.session_id),
            before=(Message, "created_at", reply.created_at),
        )
        with own_connection().cursor() as cursor:
            cursor.execute(_saying_alone(limit), params)
            said = cursor.fetchall()
    # SQLite has no booleans.
    return [(bool(is_agent), text, bool(is_cut)) for is_agent, text, is_cut in said]


@cache
def _saying_alone(limit: int) -> str:
    return f"SELECT {_said()} {_saying(_OF_SESSION, _EARLIER, f'{limit:d}')}"


@cache
def saying_for(session: str, before: str, backend: str) -> str:
    """Return ``Reply.told`` in SQL, for statements of PostgreSQL that take a reply.

    It is ``NULL`` where ``limits``, a parameter made by ``limits_param``, lacks the
    backend.

    Args:
        session: The session's id, in SQL.
        before: The time of the message in question.
        backend: The alias of the backend.
    """
    limit = f"(%(limits)s::jsonb ->> {backend})::int"
    saying = _saying(f"session_id = {session}", f"created_at < {before}", limit)
    said = f"ARRAY(SELECT json_build_array({_said()}) {saying})"
    return f"CASE WHEN {limit} >= 0 THEN array_to_json({said})::text END"


def limits_param(limits: Mapping[str, int]) -> dict[str, str]:
    """Return how many earlier messages backends are told, by alias, as a parameter."""
    return {"limits": json.dumps(limits)}


def _said() -> str:
    is_cut = "metadata -> 'incomplete' IS NOT NULL"
    if connection.vendor == "sqlite":
        is_cut = "json_type(metadata, '$.incomplete') IS NOT NULL"
    return f"is_agent, content, is_agent AND {is_cut}"


def _saying(of_session: str, earlier: str, limit: str) -> str:
    newest = f"ORDER BY created_at DESC LIMIT {limit}"
    # What the agent has said by now are answers to earlier messages, even where this
    # one had to wait and so is older.
    return (
        f"FROM (SELECT * FROM {Message._meta.db_table} WHERE {of_session} "
        f"AND (is_agent OR {earlier}) {newest}) said "
        "LEFT JOIN (SELECT answer_id, created_at AS asked_at "
        f"FROM {Reply._meta.db_table} WHERE {of_session} "
        f"AND {earlier} {newest}) asked ON answer_id = said.id "
        "ORDER BY COALESCE(asked_at, created_at), is_agent"
    )
