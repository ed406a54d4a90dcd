"""Single rows read and written with statements made once.

Django makes the SQL of a query anew each time it runs, which takes several times as
long as running it. The paths that every message takes go through here, and through
QuerySets everything that asks for more than a row by its columns' values. Columns and
values are still translated by the fields, so both databases are served alike.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Any, TypeVar

from django.db import connection, models, transaction

from django_eliza_sessions.models.columns import (
    field_of,
    many,
    own_connection,
    prepare,
    prepared,
)
from django_eliza_sessions.models.statements import (
    insert_sql,
    inserted_fields,
    select,
    selecting,
    update_many_sql,
    update_sql,
)

M = TypeVar("M", bound=models.Model)


def insert_rows(rows: Sequence[models.Model]) -> None:
    """Store new rows of one model; keys that the database counts are not read back."""
    params = [value for row in rows for value in values_of(row).values()]
    _execute(insert_sql(type(rows[0]), len(rows)), params)
    mark_stored(rows)


def values_of(row: models.Model) -> dict[str, Any]:
    """Return what a new row's columns get, by the names of its attributes."""
    own = own_connection()
    return {
        field.attname: prepare(field, getattr(row, field.attname), own)
        for field in inserted_fields(type(row))
    }


def mark_stored(rows: Iterable[models.Model]) -> None:
    """Have rows know that they are in the database now."""
    for row in rows:
        row._state.adding = False
        row._state.db = connection.alias


def update_row(row: models.Model, *fields: str) -> None:
    """Store what some of a row's fields hold."""
    model = type(row)
    values = {name: getattr(row, field_of(model, name).attname) for name in fields}
    _update(row, values, {})


def update_row_if(
    row: models.Model,
    expected: Mapping[str, object],
    values: Mapping[str, object],
) -> bool:
    """Give some of a row's fields new values if the stored row is as expected.

    Args:
        row: Gets the new values, too, once they are stored.
        expected: What fields must hold.
        values: What fields are to hold.

    Returns:
        Whether it was as expected.
    """
    if not _update(row, values, expected):
        return False
    for name, value in values.items():
        setattr(row, name, value)
    return True


def update_rows(rows: Sequence[models.Model], **values: object) -> None:
    """Give some fields of many rows of one model new values, in the database only."""
    if not rows:
        return
    model = type(rows[0])
    params = prepared(**{name: (model, name, value) for name, value in values.items()})
    params["keys"] = many(model, [row.pk for row in rows])
    _execute(update_many_sql(model, tuple(values)), params)


def fetch_row(
    model: type[M],
    *related: str,
    lock: bool = False,
    also: str = "",
    **where: Any,
) -> M | None:
    """Return a row whose fields hold these values, or ``None``; see ``fetch_rows``."""
    rows = fetch_rows(model, *related, lock=lock, also=also, **where)
    return rows[0] if rows else None


def fetch_rows(
    model: type[M],
    *related: str,
    lock: bool = False,
    also: str = "",
    **where: object,
) -> list[M]:
    """Return the rows whose fields hold these values.

    Args:
        model: Whose rows.
        related: Foreign keys to follow, ``session__agent`` style, each after its parent.
        lock: Whether to hold the rows, and only those, until the transaction ends.
        also: What follows the condition on the fields, in SQL; the row is ``t0``.
        where: Fields and what they must hold.
    """
    statement = select(model, related, tuple(where), also, lock=lock)
    return statement.fetch(_prepare(model, where.items()))


def fetch_query(query: "models.QuerySet[M]") -> list[M]:
    """Return the rows that a query finds, in its order, read as ``fetch_rows`` does."""
    # Django makes SQL of one column sooner than of all of them.
    keys = query.values("pk").query
    # One that cannot match anything is asked, too.
    sql, params = keys.get_compiler(connection=connection, elide_empty=False).as_sql()
    return selecting(query.model, sql).fetch(params)


def failing_alone() -> AbstractContextManager[object]:
    """Return a context for what may fail without the transaction around it.

    That takes a savepoint. Where there is no transaction, none is begun: what writes must
    be a single statement.
    """
    return nullcontext() if own_connection().get_autocommit() else transaction.atomic()


def _update(
    row: models.Model,
    values: Mapping[str, object],
    expected: Mapping[str, object],
) -> bool:
    model = type(row)
    conditions = {"id": row.pk, **expected}
    sql = update_sql(model, tuple(values), tuple(conditions))
    return _execute(sql, _prepare(model, values.items(), conditions.items())) == 1


def _prepare(model: type[models.Model], *values: Iterable[tuple[str, object]]) -> list[Any]:
    own = own_connection()
    pairs = chain(*values)
    return [prepare(field_of(model, name), value, own) for name, value in pairs]


def _execute(sql: str, params: Sequence[Any] | Mapping[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
