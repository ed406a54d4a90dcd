"""Field types of our own."""

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
