"""Warning of many deadlines alike, by statements that are made once."""

from collections.abc import Sequence
from functools import cache
from uuid import UUID

from django.db import connection

from django_eliza_sessions.models.columns import among, many
from django_eliza_sessions.models.event import Event
from django_eliza_sessions.models.session import Session
from django_eliza_sessions.models.statements import Statement, returning
from django_eliza_sessions.models.together import change_and_insert_each

#: What is stored of a session that was warned about: the next to come is its deadline.
_WARNED = "warned_for = expires_at, sweep_at = expires_at"


def warn_sessions(session_ids: Sequence[UUID], event: Event) -> int:
    """Mark locked sessions as warned about, and add the event to those that have none.

    For a change of timeouts can bring back a deadline that was warned about before.

    Args:
        session_ids: Which.
        event: As ``close_sessions`` takes it.

    Returns:
        How many got the event.
    """
    params = {"ids": many(Session, session_ids)}
    count = change_and_insert_each(_warning(), params, [event])
    if count < len(session_ids):
        # The others have it already; nothing changes for those just warned about.
        _update(session_ids, _WARNED)
    return count


def postpone_sessions(session_ids: Sequence[UUID]) -> None:
    """Have locked sessions looked at when their warnings are due, not sooner."""
    _update(session_ids, "sweep_at = warns_at")


@cache
def _warning() -> Statement:
    # There is one at most; but not ``EXISTS``, of which a join would be made.
    warned_before = (
        f"SELECT deadline FROM {Event._meta.db_table} WHERE session_id = t0.id "
        f"AND kind = '{Event.Kind.WARNED.value}' AND deadline = t0.expires_at"
    )
    changes = f"{_WARNED}, last_sequence = last_sequence + 1"
    return returning(Session, f"{_update_sql(changes)} AND ({warned_before}) IS NULL")


def _update(session_ids: Sequence[UUID], changes: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_update_sql(changes), {"ids": many(Session, session_ids)})


def _update_sql(changes: str) -> str:
    which = among("t0.id", "ids")
    return f"UPDATE {Session._meta.db_table} AS t0 SET {changes} WHERE {which}"
