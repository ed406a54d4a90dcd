"""The one statement that renews sessions (contract, "Lifetime")."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import connection

from django_eliza_sessions.models.session import Session
from django_eliza_sessions.models.statements import Select, field_of, returning

ACTIVITY_FIELDS = (
    "last_activity_at",
    "renewed_at",
    "renewal_count",
    "expires_at",
    "warns_at",
    "sweep_at",
)


def store_activity(
    session_id: UUID,
    now: datetime,
    *,
    by_hand: bool = False,
    owner: str | None = None,
    agent_ids: Collection[UUID] | None = None,
    if_free: bool = False,
    values: Mapping[str, object] = MappingProxyType({}),
) -> Session | None:
    """Note a sign of life in a live session, and renew it if it renews itself.

    Whether it is live is asked of the row that is changed, so that whoever changes it at
    the same moment comes before or after. ``sweep_at`` stays unless the next warning is
    due sooner, and with it every index: PostgreSQL can update the row in place.

    Args:
        session_id: Which session.
        now: The moment of the activity.
        by_hand: Renew it whatever its ``auto_renew`` says, or else do nothing.
        owner: Only a session of this principal's.
        agent_ids: Only a session with one of these agents.
        if_free: Do nothing if somebody else has locked the row, instead of waiting, so
            that ``now`` still is the present. Only where the database can tell.
        values: Other fields to store, by name.

    Returns:
        The session as stored; ``None`` where nothing was done: there is none, it is over,
        or it is to be renewed by hand and already lasts until its maximum duration.
    """
    params = {
        "id": _prepared("id", session_id),
        "now": _prepared("last_activity_at", now),
        **{f"new_{name}": _prepared(name, value) for name, value in values.items()},
    }
    if owner is not None:
        params["owner"] = owner
    for i, agent_id in enumerate(agent_ids or ()):
        params[f"agent_{i}"] = _prepared("id", agent_id)
    statement = _statement(
        by_hand,
        if_free,
        owner is not None,
        None if agent_ids is None else len(agent_ids),
        tuple(values),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, params)
        found: list[Session] = statement.read(cursor.fetchall())
    return found[0] if found else None


def _prepared(name: str, value: object) -> Any:
    return field_of(Session, name).get_db_prep_save(value, connection)


@cache
def _statement(
    by_hand: bool,  # noqa: FBT001 - what the cache goes by
    if_free: bool,  # noqa: FBT001 - the same
    owned: bool,  # noqa: FBT001 - the same
    agents: int | None,
    also: tuple[str, ...],
) -> Select:
    table = Session._meta.db_table
    is_sqlite = connection.vendor == "sqlite"
    least, greatest = ("MIN", "MAX") if is_sqlite else ("LEAST", "GREATEST")
    anchor = f"{greatest}(t0.renewed_at, %(now)s)"
    hard_deadline = _shifted("t0.created_at", "+", "t0.max_duration_minutes")
    idle_deadline = _shifted(anchor, "+", "t0.timeout_minutes")
    deadline = f"{least}({idle_deadline}, {hard_deadline})"
    warning = _shifted(deadline, "-", "t0.warning_threshold_minutes")
    renews = f"t0.expires_at < {hard_deadline}"
    row = "%(id)s"
    if if_free:
        free = "FOR NO KEY UPDATE SKIP LOCKED"
        row = f"(SELECT id FROM {table} WHERE id = {row} {free})"  # noqa: S608 - of names
    conditions = [f"t0.id = {row}", "t0.closed_at IS NULL", "t0.expires_at > %(now)s"]
    if by_hand:
        conditions.append(renews)
    else:
        renews += " AND t0.auto_renew"
    if owned:
        conditions.append("t0.owner = %(owner)s")
    if agents is not None:
        names = [f"%(agent_{i})s" for i in range(agents)]
        conditions.append(f"t0.agent_id IN ({', '.join(names)})")
    changes = {
        "last_activity_at": f"{greatest}(t0.last_activity_at, %(now)s)",
        "renewed_at": f"CASE WHEN {renews} THEN {anchor} ELSE t0.renewed_at END",
        "renewal_count": f"t0.renewal_count + CASE WHEN {renews} THEN 1 ELSE 0 END",
        "expires_at": f"CASE WHEN {renews} THEN {deadline} ELSE t0.expires_at END",
        "warns_at": f"CASE WHEN {renews} THEN {warning} ELSE t0.warns_at END",
        "sweep_at": f"CASE WHEN {renews} THEN {least}(t0.sweep_at, {warning}) "
        "ELSE t0.sweep_at END",
        **{name: f"%(new_{name})s" for name in also},
    }
    return returning(
        Session,
        f"UPDATE {table} AS t0 "  # noqa: S608 - of names only
        f"SET {', '.join(f'{name} = {value}' for name, value in changes.items())} "
        f"WHERE {' AND '.join(conditions)}",
    )


def _shifted(moment: str, sign: str, minutes: str) -> str:
    minute = "interval '1 minute'"
    if not connection.features.has_native_duration_field:
        minute = "60000000"  # Microseconds, as Django keeps durations there.
    return connection.ops.combine_duration_expression(
        sign, [moment, f"({minutes} * {minute})"]
    )
