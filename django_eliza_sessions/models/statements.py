"""The statements of ``rows``, each made once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from django.db import connection, models
from django.db.models.base import ModelState

from django_eliza_sessions.models.columns import (
    among,
    equations,
    field_of,
    own_connection,
    quote,
)


@cache
def inserted_fields(model: type[models.Model]) -> "list[models.Field[Any, Any]]":
    """Return the fields that a new row gets, in the order of ``insert_sql``."""
    fields = model._meta.concrete_fields
    return [field for field in fields if not isinstance(field, models.AutoField)]


@cache
def insert_sql(model: type[models.Model], count: int) -> str:
    """Return what stores so many rows."""
    fields = inserted_fields(model)
    row = f"({', '.join(['%s'] * len(fields))})"
    return insert_from_sql(model, fields, f"VALUES {', '.join([row] * count)}")


def insert_from_sql(
    model: type[models.Model], fields: "Iterable[models.Field[Any, Any]]", rows: str
) -> str:
    """Return what stores rows, as a statement selects them, with values for some fields."""
    columns = ", ".join(quote(field.column) for field in fields)
    return f"INSERT INTO {quote(model._meta.db_table)} ({columns}) {rows}"


@cache
def update_sql(
    model: type[models.Model], fields: tuple[str, ...], where: tuple[str, ...]
) -> str:
    """Return what sets fields of the row, or rows, that hold these values."""
    return (
        f"UPDATE {quote(model._meta.db_table)} SET {', '.join(equations(model, fields))} "
        f"WHERE {' AND '.join(equations(model, where))}"
    )


@cache
def update_many_sql(model: type[models.Model], fields: tuple[str, ...]) -> str:
    """Return what sets fields, by their names, of the rows that have ``keys``."""
    values = (f"{quote(field_of(model, name).column)} = %({name})s" for name in fields)
    return (
        f"UPDATE {quote(model._meta.db_table)} "
        f"SET {', '.join(values)} WHERE {among('id', 'keys')}"
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """One table of a select: which columns are its, and whose foreign key led to it."""

    model: type[models.Model]
    names: list[str]
    start: int
    parent: int
    link: "models.ForeignKey[Any, Any] | None"


def _part(
    model: type[models.Model], start: int = 0, parent: int = 0, link: Any = None
) -> _Part:
    names = [field.attname for field in model._meta.concrete_fields]
    return _Part(model, names, start, parent, link)


#: The place of a value in a row, what makes it Python's, and the column it stands in.
Converter = tuple[int, Callable[..., Any], Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that returns rows, with those that they refer to.

    Attributes:
        has_told: Whether a row's last value is what its instance has as ``told``.
    """

    sql: str
    parts: list[_Part]
    converters: list[Converter]
    has_told: bool = False

    def fetch(self, params: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
        """Return the instances that the database answers with."""
        own = own_connection()
        with own.cursor() as cursor:
            _read_times_natively(cursor.cursor)
            cursor.execute(self.sql, params)
            rows = [list(row) for row in cursor.fetchall()]
        for index, convert, column in self.converters:
            for row in rows:
                row[index] = convert(row[index], column, own)
        found = [_stored(part, rows, own.alias) for part in self.parts]
        for part, children in zip(self.parts, found, strict=True):
            if part.link is not None:
                for parent, child in zip(found[part.parent], children, strict=True):
                    part.link.set_cached_value(parent, child)
        if self.has_told:
            for instance, row in zip(found[0], rows, strict=True):
                instance.told = row[-1]  # type: ignore[attr-defined]  # it is a Session or a Reply
        return found[0]


def _read_times_natively(cursor: Any) -> None:
    """Have psycopg read times itself, for Django's way, in Python, takes ten times as long.

    Other drivers, which have no such adapters, read them as ever.
    """
    if hasattr(cursor, "adapters"):
        from psycopg.types.datetime import (  # noqa: PLC0415 - not everybody has it
            TimestamptzLoader,
        )

        cursor.adapters.register_loader("timestamptz", TimestamptzLoader)


def _stored(part: _Part, rows: Sequence[list[Any]], alias: str) -> list[models.Model]:
    """Return instances as ``from_db`` does, but without signals and a call per field."""
    found = []
    for row in rows:
        instance = part.model.__new__(part.model)
        state = ModelState()
        state.adding, state.db = False, alias
        values = instance.__dict__
        values["_state"] = state
        values.update(zip(part.names, row[part.start :], strict=False))
        found.append(instance)
    return found


@cache
def select(
    model: type[models.Model],
    related: tuple[str, ...],
    where: tuple[str, ...],
    also: str,
    *,
    lock: bool,
) -> Statement:
    """Return what reads rows, and locks them if it is to."""
    columns, tables, whole = _with_related(model, related)
    sql = (
        f"SELECT {', '.join(columns)} FROM {quote(model._meta.db_table)} t0{tables} "
        f"WHERE {' AND '.join(equations(model, where, 't0.'))} {also}"
    )
    if lock and connection.features.has_select_for_no_key_update:
        sql += " FOR NO KEY UPDATE OF t0"
    return replace(whole, sql=sql)


@cache
def select_changed(
    model: type[models.Model], related: tuple[str, ...], told: str
) -> Statement:
    """Return what reads rows that a part of the statement, ``changed``, returns whole."""
    columns, tables, whole = _with_related(model, related)
    # Its own columns are as ``returning`` has made them.
    read = ["t0.*", *columns[len(whole.parts[0].names) :]]
    if told:
        read.append(told)
    sql = f"SELECT {', '.join(read)} FROM changed t0{tables}"
    return replace(whole, sql=sql, has_told=bool(told))


def _with_related(
    model: type[models.Model], related: tuple[str, ...]
) -> tuple[list[str], str, Statement]:
    """Return the columns of a model and of those it refers to, and how these are joined."""
    parts = [_part(model)]
    paths = ["", *related]
    columns: list[str] = []
    converters: list[Converter] = []
    tables = ""
    for number, path in enumerate(paths):
        if path:
            parent = paths.index(path.rpartition("__")[0])
            link = field_of(parts[parent].model, path.rpartition("__")[2])
            parts.append(_part(link.related_model, len(columns), parent, link))
            tables += (
                f" JOIN {quote(link.related_model._meta.db_table)} t{number} "
                f"ON t{number}.id = t{parent}.{quote(link.column)}"
            )
        _add_columns(parts[number].model, f"t{number}.", columns, converters)
    return columns, tables, Statement("", parts, converters)


def selecting(model: type[models.Model], sql: str) -> Statement:
    """Return a statement that selects keys as one that reads whole rows."""
    whole = _whole(model)
    return replace(whole, sql=f"{whole.sql} FROM {sql.partition(' FROM ')[2]}")


@cache
def _whole(model: type[models.Model]) -> Statement:
    columns: list[str] = []
    converters: list[Converter] = []
    _add_columns(model, f"{quote(model._meta.db_table)}.", columns, converters)
    return Statement(f"SELECT {', '.join(columns)}", [_part(model)], converters)


def returning(model: type[models.Model], sql: str) -> Statement:
    """Return a statement that changes rows of a model as one that returns them, too."""
    columns: list[str] = []
    converters: list[Converter] = []
    # SQLite knows no alias here.
    _add_columns(model, "", columns, converters)
    return Statement(f"{sql} RETURNING {', '.join(columns)}", [_part(model)], converters)


def _add_columns(
    model: type[models.Model],
    prefix: str,
    columns: list[str],
    converters: list[Converter],
) -> None:
    compiler = model._default_manager.all().query.get_compiler(connection=connection)
    for field in model._meta.concrete_fields:
        column = field.get_col(model._meta.db_table)
        converters += [
            (len(columns), convert, column)
            for convert in (
                *connection.ops.get_db_converters(column),
                *column.get_db_converters(connection),
            )
        ]
        name = prefix + quote(field.column)
        columns.append(field.select_format(compiler, name, ())[0])
