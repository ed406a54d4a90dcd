"""A change of one row, or a new one, and the new rows that follow from it, at once.

PostgreSQL takes all of it as one statement, which is a transaction of its own and costs
one round trip; elsewhere it is one statement after another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby
from typing import Any

from django.db import connection, models, transaction

from django_eliza_sessions.models.rows import insert_rows, mark_stored, own_connection
from django_eliza_sessions.models.statements import (
    Statement,
    field_of,
    insert_from_sql,
    insert_unless,
    inserted_fields,
    quote,
)


def change_and_insert(
    change: Statement, params: Mapping[str, Any], rows: Sequence[models.Model] = ()
) -> Any:
    """Change a row, and store new ones if there was such a row.

    Args:
        change: Changes one row at most, and returns it.
        params: What its placeholders stand for, by name.
        rows: Unsaved. A field that holds ``F`` gets what the changed row then has there.

    Returns:
        The changed row's instance, or ``None``.
    """
    if not rows:
        return _first(change, params)
    taken = list(_taken(rows))
    if connection.vendor == "postgresql":
        found = _first(*_at_once(change, params, rows))
        if found is not None:
            _settle(taken, found)
            mark_stored(rows)
        return found
    with transaction.atomic(savepoint=False):
        found = _first(change, params)
        if found is not None:
            _settle(taken, found)
            for _model, alike in groupby(rows, type):
                insert_rows(list(alike))
    return found


def insert_unless_and(
    row: models.Model,
    other: type[models.Model],
    field: str,
    unwanted: Sequence[object],
    rows: Sequence[models.Model],
) -> bool:
    """Store a new row, and others with it, unless another table has one with some value.

    Args:
        row: Unsaved.
        other: The model of the other table.
        field: The field of it that is looked at.
        unwanted: What it must not hold.
        rows: As ``change_and_insert`` takes them.

    Returns:
        Whether they were stored.
    """
    own = own_connection()
    params = {
        each.attname: each.get_db_prep_save(getattr(row, each.attname), own)
        for each in inserted_fields(type(row))
    }
    for number, value in enumerate(unwanted):
        prepared = field_of(other, field).get_db_prep_save(value, own)
        params[f"unwanted_{number}"] = prepared
    change = insert_unless(type(row), other, field, len(unwanted))
    if change_and_insert(change, params, rows) is None:
        return False
    mark_stored([row])
    return True


def _first(statement: Statement, params: Mapping[str, Any]) -> Any:
    found = statement.fetch(params)
    return found[0] if found else None


#: A new row, a field of it, and which field of the changed row it takes.
Taken = tuple[models.Model, str, str]


def _taken(rows: Sequence[models.Model]) -> Iterator[Taken]:
    for row in rows:
        for name, value in vars(row).items():
            if (source := _source(value)) is not None:
                yield row, name, source


def _source(value: object) -> str | None:
    """Return which field of the changed row a value stands for, if for one."""
    if isinstance(value, models.F):
        return str(value.name)  # type: ignore[attr-defined]  # the stubs lack it
    return None


def _settle(taken: Sequence[Taken], found: models.Model) -> None:
    for row, name, source in taken:
        setattr(row, name, getattr(found, source))


def _at_once(
    change: Statement, params: Mapping[str, Any], rows: Sequence[models.Model]
) -> tuple[Statement, Mapping[str, Any]]:
    """Return all of it as one statement, with its parameters."""
    own = own_connection()
    values = dict(params)
    shapes = []
    for number, row in enumerate(rows):
        sources: list[str | None] = []
        for field in inserted_fields(type(row)):
            value = getattr(row, field.attname)
            sources.append(_source(value))
            if sources[-1] is None:
                name = f"{number}_{field.attname}"
                values[name] = field.get_db_prep_save(value, own)
        shapes.append((type(row), tuple(sources)))
    return replace(change, sql=_sql(change.sql, tuple(shapes))), values


@cache
def _sql(
    change: str, shapes: tuple[tuple[type[models.Model], tuple[str | None, ...]], ...]
) -> str:
    parts = [f"changed AS ({change})"]
    for number, (model, sources) in enumerate(shapes):
        values = (
            f"%({number}_{field.attname})s" if source is None else quote(source)
            for field, source in zip(inserted_fields(model), sources, strict=True)
        )
        select = f"SELECT {', '.join(values)} FROM changed"
        parts.append(f"new_{number} AS ({insert_from_sql(model, select)})")
    return f"WITH {', '.join(parts)} SELECT * FROM changed"
