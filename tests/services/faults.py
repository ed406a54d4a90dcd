"""A database that fails, for ``connection.execute_wrapper``."""

from typing import Any

from django.db import OperationalError


def refuse_inserts(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """Fail as a full disk does."""
    if "INSERT INTO" in sql:
        raise OperationalError("disk full")
    return execute(sql, params, many, context)
