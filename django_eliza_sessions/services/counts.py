"""How many sessions there are: anew while they are few, else from a moment ago.

Counting takes as long as there is something to count. So what came to more than ``FEW``
is kept in Django's default cache, where it serves everybody for ``KEPT`` seconds. Then
one of those who ask counts again, and the others take the old count until that is done;
only where nothing is known yet may several count at once.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.core.cache import cache
from django.db import connection

from django_eliza_sessions.models.session import SessionQuerySet

logger = logging.getLogger(__name__)

#: Up to so many sessions, open or closed, are counted each time.
FEW = 10_000
#: Seconds for which the count of more serves.
KEPT = 10

_OPEN = """SELECT count(*), count(*) FILTER (WHERE expires_at > %s),
count(*) FILTER (WHERE expires_at > %s AND warns_at <= %s)"""
_CLOSED = "SELECT count(*), count(*) FILTER (WHERE close_reason = 'expired')"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCounts:
    """How many sessions are not closed.

    Attributes:
        overdue: Those whose deadline has passed, which a sweep has yet to find.
        expiring: Those of the active that are near their deadline.
    """

    active: int
    overdue: int
    expiring: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedCounts:
    """How many sessions are closed, by the reason."""

    expired: int
    ended: int


def count_open(sessions: SessionQuerySet, now: datetime) -> OpenCounts:
    """Count those of the sessions that are not closed."""
    opened = sessions.open().values("expires_at", "warns_at")
    present = connection.ops.adapt_datetimefield_value(now)
    total, active, expiring = _count(_OPEN, [present] * 3, opened)
    return OpenCounts(active=active, overdue=total - active, expiring=expiring)


def count_closed(sessions: SessionQuerySet) -> ClosedCounts:
    """Count those of the sessions that are closed."""
    total, expired = _count(_CLOSED, [], sessions.closed().values("close_reason"))
    return ClosedCounts(expired=expired, ended=total - expired)


def _count(what: str, moments: list[Any], sessions: Any) -> Sequence[int]:
    """Count sessions, all of them and by kind.

    Args:
        what: What to select, the number of all first.
        moments: The values for it, which make no difference to what is kept.
        sessions: A query without order for the columns that it takes.
    """
    compiler = sessions.query.get_compiler(connection=connection, elide_empty=False)
    sql, params = compiler.as_sql()
    key = f"eliza-sessions-{sha256(repr((sql, params)).encode()).hexdigest()}"
    kept: Sequence[int] | None = _ask(cache.get, key)
    if kept is not None and not _ask(cache.add, f"{key}-fresh", 1, KEPT):
        return kept
    values = [*moments, *params]
    counts = _fetch(f"{what} FROM ({sql} LIMIT {FEW + 1}) AS few", values)
    if counts[0] > FEW:
        counts = _fetch(f"{what} FROM ({sql}) AS many", values)
        _ask(cache.set, f"{key}-fresh", 1, KEPT)
        # Longer, so that it is to be had while somebody counts again.
        _ask(cache.set, key, counts, 2 * KEPT)
    elif kept is not None:
        _ask(cache.delete, key)
    return counts


def _fetch(sql: str, values: list[Any]) -> Sequence[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        counts: Sequence[int] = cursor.fetchone()
    return counts


def _ask(operation: Callable[..., Any], *arguments: Any) -> Any:
    """Ask the cache; ``None`` where it fails, for counts are worth no error."""
    try:
        return operation(*arguments)
    except Exception:
        logger.exception("The cache failed, so sessions are counted each time")
        return None
