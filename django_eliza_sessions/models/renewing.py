"""The rules of renewal (contract, "Lifetime") in SQL.

Tests hold them to the arithmetic of ``timeouts.py``, on both databases.
"""

from django.db import connection


def renewal(*, by_hand: bool) -> str:
    """Return what a sign of life makes of a session, as SET takes it.

    Args:
        by_hand: Whether it is renewed whatever its ``auto_renew`` says.
    """
    renews = "expires_at < hard_deadline"
    # Where nothing is left to renew, it is a microsecond after the last renewal, which the
    # wire does not show: both may come in one millisecond (``Session.was_just_renewed``).
    past = f"auto_renew AND renewal_count > 0 AND NOT {renews}"
    after = shifted("renewed_at", "+", one("microsecond"))
    latest = f"CASE WHEN {past} THEN {after} ELSE last_activity_at END"

    def renewed(name: str, value: str) -> str:
        return f"CASE WHEN renews THEN {value} ELSE {name} END"

    fields = {
        "last_activity_at": function("greatest", "last_activity_at", "%(now)s", latest),
        "renewed_at": renewed("renewed_at", "anchor"),
        "renewal_count": renewed("renewal_count", "renewal_count + 1"),
        "expires_at": renewed("expires_at", "deadline"),
        "warns_at": renewed("warns_at", "warning"),
        "sweep_at": renewed("sweep_at", function("least", "sweep_at", "warning")),
    }
    # Each is made of those before it.
    anchor = function("greatest", "renewed_at", "%(now)s")
    known = f"SELECT {anchor} AS anchor, {_hard_deadline()} AS hard_deadline"
    idle_deadline = shifted("anchor", "+", _minutes("timeout_minutes"))
    terms = {
        "renews": renews if by_hand else f"auto_renew AND {renews}",
        "deadline": function("least", idle_deadline, "hard_deadline"),
        "warning": shifted("deadline", "-", _minutes("warning_threshold_minutes")),
    }
    for name, value in terms.items():
        known = f"SELECT *, {value} AS {name} FROM ({known}) AS of_{name}"
    values = f"SELECT {', '.join(fields.values())} FROM ({known}) AS renewal"
    return f"({', '.join(fields)}) = ({values})"


def is_renewable() -> str:
    """Return whether a session can be renewed: it does not last as long as it may."""
    return f"expires_at < {_hard_deadline()}"


def _hard_deadline() -> str:
    return shifted("created_at", "+", _minutes("max_duration_minutes"))


def function(name: str, *arguments: str) -> str:
    """Return a call of a function, by its name in PostgreSQL."""
    if connection.vendor == "sqlite":
        name = {"least": "MIN", "greatest": "MAX"}[name]
    return f"{name}({', '.join(arguments)})"


def _minutes(column: str) -> str:
    return f"{column} * {one('minute')}"


def one(unit: str) -> str:
    """Return a duration: a ``minute``, a ``millisecond`` or a ``microsecond``."""
    if connection.features.has_native_duration_field:
        return f"interval '1 {unit}'"
    # As Django keeps durations there.
    return str({"minute": 60_000_000, "millisecond": 1000, "microsecond": 1}[unit])


def shifted(moment: str, sign: str, duration: str) -> str:
    """Return a time later (``+``) or earlier (``-``) by a duration."""
    return connection.ops.combine_duration_expression(sign, [moment, f"({duration})"])
