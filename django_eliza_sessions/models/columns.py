"""Columns of models, and their values, as SQL has them."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

#: What PostgreSQL's drivers take as it is, by the field that holds it.
NATIVE: dict[type, type] = {
    models.BooleanField: bool,
    models.CharField: str,
    models.DateTimeField: datetime,
    models.ForeignKey: UUID,
    models.OneToOneField: UUID,
    models.TextField: str,
    models.UUIDField: UUID,
}


def own_connection() -> BaseDatabaseWrapper:
    """Return this thread's connection, not the proxy that finds it out again each time."""
    return connections[DEFAULT_DB_ALIAS]


def field_of(model: type[models.Model], name: str) -> Any:
    """Return a field by its name."""
    return model._meta.get_field(name)


def quote(name: str | None) -> str:
    """Return the name of a column or table as SQL has it."""
    assert name is not None  # noqa: S101 - every field of ours has a column
    return connection.ops.quote_name(name)


def among(column: str, name: str) -> str:
    """Return that a column holds one of many values, which are the named parameter."""
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%({name})s)"
    return f"{column} IN (SELECT value FROM json_each(%({name})s))"


def prepare(
    field: "models.Field[Any, Any]", value: object, own: BaseDatabaseWrapper
) -> Any:
    """Return a field's value as the database's driver takes it.

    Django asks up to eight methods for that, also where the value stays what it is.
    """
    is_native = type(value) is NATIVE.get(type(field)) and own.vendor == "postgresql"
    # Of a time without a zone, Django knows which one is meant.
    if is_native and not (isinstance(value, datetime) and value.tzinfo is None):
        return value
    return field.get_db_prep_save(value, own)


def many(model: type[models.Model], keys: Iterable[object]) -> Any:
    """Return keys of a model's rows as the one parameter that ``among`` takes.

    So it is one statement for any number of them, which is made and planned once.
    """
    own, field = own_connection(), field_of(model, model._meta.pk.name)
    values = [prepare(field, key, own) for key in keys]
    return values if own.vendor == "postgresql" else json.dumps(values)


def prepared(**values: tuple[type[models.Model], str, object]) -> dict[str, Any]:
    """Return parameters by their names; each is a model, its field, and what that holds."""
    own = own_connection()
    return {
        name: prepare(field_of(model, field), value, own)
        for name, (model, field, value) in values.items()
    }


def equations(
    model: type[models.Model], names: Iterable[str], table: str = ""
) -> Iterator[str]:
    """Return that columns hold values, which are parameters in this order."""
    return (f"{table}{quote(field_of(model, name).column)} = %s" for name in names)
