"""A database that fails, for ``connection.execute_wrapper``."""

from typing import Any

from django.db import OperationalError


def refuse_inserts(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """Fail as a full disk does."""
    if "INSERT INTO" in sql:
        raise OperationalError("disk full")
    return execute(sql, params, many, context)


def refuse_updates(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """Fail as a statement does that the database itself gives up."""
    if "UPDATE" in sql:
        return execute("SELECT 1 / 0", (), many, context)
    return execute(sql, params, many, context)


def refuse_to_read_history(
    execute: Any, sql: str, params: Any, many: bool, context: Any
) -> Any:
    """Fail as a lost connection does, where it is read by a statement of its own."""
    if sql.startswith("SELECT is_agent"):
        raise OperationalError("connection lost")
    return execute(sql, params, many, context)


def refuse_ends_of_replies(
    execute: Any, sql: str, params: Any, many: bool, context: Any
) -> Any:
    """Fail as a lost connection does, where PostgreSQL ends a reply in one statement."""
    if "also AS (UPDATE" in sql:
        raise OperationalError("connection lost")
    return execute(sql, params, many, context)
