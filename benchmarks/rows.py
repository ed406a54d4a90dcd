"""Rows by the hundred thousand, made by the database itself."""

import time
import uuid

from django.db import connection, models

_SECOND = {
    "postgresql": "to_timestamp({})",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', {}, 'unixepoch')",
}
_UUID = {
    "postgresql": "gen_random_uuid()",
    "sqlite": "lower(hex(randomblob(16)))",
}


def moment(seconds: str) -> str:
    """Return SQL for a time, so many seconds from now; ``n`` is the row's number."""
    return _SECOND[connection.vendor].format(f"{time.time()} + ({seconds})")


def new_uuid() -> str:
    """Return SQL for a random UUID."""
    return _UUID[connection.vendor]


def literal(value: uuid.UUID) -> str:
    """Return SQL for a UUID."""
    plain = connection.features.has_native_uuid_field
    return f"'{value if plain else value.hex}'"


def numbers(count: int) -> str:
    """Return SQL for the table ``numbers``, whose ``n`` goes from 1 to the count."""
    return (
        "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers "
        f"WHERE n < {count}) SELECT n FROM numbers) AS numbers"
    )


def add_rows(model: type[models.Model], source: str, **columns: str) -> None:
    """Store a row of a model for each of a source's.

    Args:
        model: Whose rows.
        source: SQL of what follows FROM.
        columns: SQL of each column that shall not be 0, false, empty or NULL.
    """
    names, values = [], []
    for field in model._meta.concrete_fields:
        if isinstance(field, models.AutoField):
            continue
        names.append(connection.ops.quote_name(field.column or ""))
        values.append(columns.pop(field.attname, "") or _blank(field))
    assert not columns, columns
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) "
            f"SELECT {', '.join(values)} FROM {source}"
        )


def _blank(field: models.Field) -> str:  # type: ignore[type-arg] # of whatever type
    if field.null:
        return "NULL"
    if isinstance(field, models.UUIDField):
        return new_uuid()
    if isinstance(field, models.JSONField):
        return f"'{'{}' if field.default is dict else '[]'}'"
    if isinstance(field, models.BooleanField):
        return "false"
    return "0" if isinstance(field, models.IntegerField) else "''"


def add_sessions(
    count: int,
    *,
    agent_id: uuid.UUID,
    owner: str = "'system'",
    created: str = "-n * 0.001",
    reason: str = "",
) -> None:
    """Store sessions of 30 minutes, idle since they were created.

    Args:
        count: How many.
        agent_id: With whom.
        owner: SQL of whose.
        created: SQL of when, in seconds from now; ``n`` is the session's number.
        reason: Why they are over, if they are; by default none is, whatever its age.
    """
    from django_eliza_sessions.models import Session

    ends = {"closed_at": moment(f"{created} + 1800"), "close_reason": f"'{reason}'"}
    due = {"sweep_at": moment(f"{created} + 1500")}
    at = moment(created)
    add_rows(
        Session,
        numbers(count),
        agent_id=literal(agent_id),
        owner=owner,
        timeout_minutes="30",
        auto_renew="true",
        max_duration_minutes="720",
        warning_threshold_minutes="5",
        created_at=at,
        last_activity_at=at,
        renewed_at=at,
        expires_at=moment(f"{created} + 1800"),
        warns_at=moment(f"{created} + 1500"),
        last_sequence="1",
        **(ends if reason else due),
    )


def analyze() -> None:
    """Have the database look at what it holds, as its autovacuum does in time."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
