"""A change of a row, or of many alike, and what follows from it in other rows, at once.

PostgreSQL takes all of it as one statement, which is a transaction of its own and costs
one round trip; elsewhere it is one statement after another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import Any

from django.db import connection, models, transaction
from django.db.models.expressions import Combinable, CombinedExpression

from django_eliza_sessions.models.columns import (
    among,
    field_of,
    many,
    own_connection,
    prepare,
    prepared,
    quote,
)
from django_eliza_sessions.models.rows import (
    fetch_row,
    insert_rows,
    mark_stored,
    update_row_if,
)
from django_eliza_sessions.models.statements import (
    Statement,
    insert_from_sql,
    inserted_fields,
    select_changed,
)


@dataclass(frozen=True, slots=True)
class Change:
    """A stored row, and the values that some of its fields are to have."""

    row: models.Model
    values: Mapping[str, object]

    def settle(self) -> None:
        """Have the row hold what is stored of it."""
        for name, value in self.values.items():
            setattr(self.row, name, value)


def change_and_insert(
    change: Statement,
    params: Mapping[str, Any],
    rows: Sequence[models.Model] = (),
    also: Change | None = None,
    related: tuple[str, ...] = (),
    told: str = "",
) -> Any:
    """Change a row, and if there was such a row, store new ones and change another.

    Args:
        change: Changes one row at most, and returns it.
        params: What its placeholders stand for, by name.
        rows: Unsaved. A field that holds ``F``, or ``F`` less a number, gets what the
            changed row then has there.
        also: Of a row that is locked by then.
        related: Foreign keys of the changed row to follow, as ``fetch_rows`` takes them.
        told: What the instance has as ``told``, in SQL; the row is ``t0``, and those it
            refers to are ``t1`` and so on. Only PostgreSQL is asked for it.

    Returns:
        The changed row's instance, or ``None``.
    """
    if not (rows or also or related):
        return _first(change, params)
    taken = tuple(map(_sources, rows))
    if connection.vendor == "postgresql":
        read = select_changed(change.parts[0].model, related, told)
        found = _first(*_at_once(change, params, rows, taken, also, read))
        if found is not None:
            _settle(rows, taken, found)
            mark_stored(rows)
            if also is not None:
                also.settle()
        return found
    with transaction.atomic(savepoint=False):
        found = _first(change, params)
        if found is not None:
            _settle(rows, taken, found)
            _follow(rows, also)
            if related:
                found = fetch_row(type(found), *related, id=found.pk)
    return found


def _follow(rows: Sequence[models.Model], also: Change | None) -> None:
    """Store new rows, and change another, one statement after another."""
    for _model, alike in groupby(rows, type):
        insert_rows(list(alike))
    if also is not None:
        update_row_if(also.row, {}, also.values)


def change_and_insert_each(
    change: Statement, params: Mapping[str, Any], rows: Sequence[models.Model]
) -> int:
    """Change rows, and for each of them store new ones; return how many were changed.

    Args:
        change: Changes rows of one model, and returns them.
        params: What its placeholders stand for, by name.
        rows: Patterns, as ``change_and_insert`` takes rows: each is stored once for every
            row that was changed.
    """
    taken = tuple(map(_sources, rows))
    news = tuple(zip(map(type, rows), taken, strict=True))
    values = {**params, **_values(rows, taken)}
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            count_them = "SELECT count(*) FROM changed"
            cursor.execute(_sql(change.sql, news, None, count_them), values)
            [count] = cursor.fetchone()
            return int(count)
    model = change.parts[0].model
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        changed = [row.pk for row in change.fetch(params)]
        values["changed"] = many(model, changed)
        source = f"{quote(model._meta.db_table)} WHERE {among('id', 'changed')}"
        for insert in _inserts(news, source) if changed else ():
            cursor.execute(insert, values)
    return len(changed)


def _first(statement: Statement, params: Mapping[str, Any]) -> Any:
    found = statement.fetch(params)
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class _Source:
    """Which field of the changed row a value stands for, and what is taken off it."""

    field: str
    less: int = 0

    def read(self, changed: models.Model) -> Any:
        value = getattr(changed, self.field)
        return value - self.less if self.less else value

    def sql(self) -> str:
        return f"{quote(self.field)} - {self.less:d}" if self.less else quote(self.field)


def _source(value: Combinable) -> _Source:
    if isinstance(value, models.F):
        return _Source(value.name)  # type: ignore[attr-defined]  # the stubs lack it
    if isinstance(value, CombinedExpression) and value.connector == Combinable.SUB:
        field, less = value.get_source_expressions()
        return _Source(field.name, less.value)
    raise TypeError(f"A new row takes F, or F less a number, not {value!r}.")


#: The places in ``inserted_fields`` of what a new row has, and what is taken there from the
#: changed one. What is to be NULL is left out: no such column has another default.
Sources = tuple[tuple[int, _Source | None], ...]
#: A model, and what its new row takes.
New = tuple[type[models.Model], Sources]
#: A model, and the fields of its row that get new values.
Also = tuple[type[models.Model], tuple[str, ...]]


def _sources(row: models.Model) -> Sources:
    values = [getattr(row, field.attname) for field in inserted_fields(type(row))]
    return tuple(
        [
            (place, _source(value) if isinstance(value, Combinable) else None)
            for place, value in enumerate(values)
            if value is not None
        ]
    )


def _settle(
    rows: Sequence[models.Model], taken: Sequence[Sources], found: models.Model
) -> None:
    """Have the rows hold what is stored of them."""
    for row, sources in zip(rows, taken, strict=True):
        fields = inserted_fields(type(row))
        for place, source in sources:
            if source is not None:
                setattr(row, fields[place].attname, source.read(found))


def _at_once(
    change: Statement,
    params: Mapping[str, Any],
    rows: Sequence[models.Model],
    taken: Sequence[Sources],
    also: Change | None,
    read: Statement,
) -> tuple[Statement, Mapping[str, Any]]:
    """Return all of it as one statement, with its parameters."""
    values = {**params, **_values(rows, taken)}
    news = tuple(zip(map(type, rows), taken, strict=True))
    other: Also | None = None
    if also is not None:
        other = type(also.row), tuple(also.values)
        changes = {"id": also.row.pk, **also.values}.items()
        values |= prepared(**{f"also_{n}": (other[0], n, value) for n, value in changes})
    return replace(read, sql=_sql(change.sql, news, other, read.sql)), values


def _values(rows: Sequence[models.Model], taken: Sequence[Sources]) -> dict[str, Any]:
    """Return the parameters that ``_inserts`` has, by name."""
    own = own_connection()
    values = {}
    for number, (row, sources) in enumerate(zip(rows, taken, strict=True)):
        fields = inserted_fields(type(row))
        for place, source in sources:
            if source is None:
                field = fields[place]
                value = prepare(field, getattr(row, field.attname), own)
                values[f"{number}_{place}"] = value
    return values


def _inserts(news: Sequence[New], source: str) -> Iterator[str]:
    """Return what stores each of the new rows for each that the source has."""
    for number, (model, sources) in enumerate(news):
        fields = [inserted_fields(model)[place] for place, _ in sources]
        values = (
            f"%({number}_{place})s" if taken is None else taken.sql()
            for place, taken in sources
        )
        select = f"SELECT {', '.join(values)} FROM {source}"
        yield insert_from_sql(model, fields, select)


@cache
def _sql(change: str, news: tuple[New, ...], also: Also | None, read: str) -> str:
    parts = [f"changed AS ({change})"]
    for number, insert in enumerate(_inserts(news, "changed")):
        parts.append(f"new_{number} AS ({insert})")
    if also is not None:
        model, names = also
        values = (f"{quote(field_of(model, n).column)} = %(also_{n})s" for n in names)
        update = f"UPDATE {quote(model._meta.db_table)} t1 SET {', '.join(values)}"
        parts.append(f"also AS ({update} FROM changed WHERE t1.id = %(also_id)s)")
    return f"WITH {', '.join(parts)} {read}"
