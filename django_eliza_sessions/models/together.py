"""A change of one row, and the new rows that follow from it, stored at once.

PostgreSQL takes all of it as one statement, which is a transaction of its own and costs
one round trip; elsewhere it is one statement after another.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from django.db import connection, models, transaction

from django_eliza_sessions.models.rows import insert_rows, mark_stored
from django_eliza_sessions.models.statements import (
    Select,
    insert_from_sql,
    inserted_fields,
    quote,
)


def change_and_insert(
    change: Select, params: Mapping[str, Any], rows: Sequence[models.Model] = ()
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
        return _fetch(change, change.sql, params)
    if connection.vendor == "postgresql":
        shapes = tuple((type(row), tuple(_sources(row))) for row in rows)
        found = _fetch(change, _sql(change.sql, shapes), {**params, **_values(rows)})
        if found is not None:
            _settle(rows, found)
            mark_stored(rows)
        return found
    with transaction.atomic(savepoint=False):
        found = _fetch(change, change.sql, params)
        if found is not None:
            _settle(rows, found)
            for _model, alike in groupby(rows, type):
                insert_rows(list(alike))
    return found


def _fetch(change: Select, sql: str, params: Mapping[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found = change.read(cursor.fetchall())
    return found[0] if found else None


def _settle(rows: Sequence[models.Model], found: models.Model) -> None:
    for row in rows:
        for field, name in zip(inserted_fields(type(row)), _sources(row), strict=True):
            if name is not None:
                setattr(row, field.attname, getattr(found, name))


def _sources(row: models.Model) -> Iterator[str | None]:
    """Yield which column of the changed row each field takes, if it takes one."""
    for field in inserted_fields(type(row)):
        value = getattr(row, field.attname)
        yield str(value.name) if isinstance(value, models.F) else None  # type: ignore[attr-defined]  # not in the stubs


def _values(rows: Sequence[models.Model]) -> dict[str, Any]:
    return {
        f"{number}_{field.attname}": field.get_db_prep_save(value, connection)
        for number, row in enumerate(rows)
        for field in inserted_fields(type(row))
        if not isinstance(value := getattr(row, field.attname), models.F)
    }


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
        select = f"SELECT {', '.join(values)} FROM changed"  # noqa: S608 - of names only
        parts.append(f"new_{number} AS ({insert_from_sql(model, select)})")
    return f"WITH {', '.join(parts)} SELECT * FROM changed"  # noqa: S608 - the same
