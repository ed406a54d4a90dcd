"""Field types of our own."""

import json
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class VerbatimJSONField(models.JSONField):
    """JSON that comes back exactly as it was stored.

    PostgreSQL's ``jsonb`` sorts an object's keys and rewrites numbers (1e20 becomes
    100000000000000000000); its ``json`` type keeps the text. The price: look-ups into
    the value need a cast.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        """Return the column type: ``json`` on PostgreSQL, Django's own elsewhere."""
        if connection.vendor == "postgresql":
            return "json"
        return super().db_type(connection)

    def get_db_prep_value(
        self,
        value: Any,
        connection: BaseDatabaseWrapper,
        prepared: bool = False,  # noqa: FBT001, FBT002 - as Django calls it
    ) -> Any:
        """Return the text to store; Django's own would pass through ``jsonb``."""
        if connection.vendor == "postgresql" and not hasattr(value, "as_sql"):
            return json.dumps(value, cls=self.encoder)
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(
        self, value: Any, expression: Any, connection: BaseDatabaseWrapper
    ) -> Any:
        """Return what was stored; mostly nothing, which needs no decoder."""
        if value == "{}":
            return {}
        if value == "[]":
            return []
        return super().from_db_value(value, expression, connection)

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        """Read text, which is what Django decodes; the driver would decode ``json``."""
        if compiler.connection.vendor == "postgresql":
            return f"{sql}::text", params
        return super().select_format(compiler, sql, params)
