"""How many sessions there are: anew while they are few, else from a moment ago.

Counting takes as long as there is something to count. So what came to more than ``FEW``
is kept in Django's default cache, where it serves everybody for ``KEPT`` seconds. Then
one of those who ask counts again, and the others take the old count until that is done;
only where nothing is known yet may several count at once.
"""

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.core.cache import cache
from django.db import connection

from django_eliza_sessions.models import Session
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.services import clock

logger = logging.getLogger(__name__)

#: Up to so many sessions, open or closed, are counted each time, which takes PostgreSQL
#: 0.2 ms: as long as whatever else a request for them asks. Ten times as many take 2 ms.
FEW = 1_000
#: Seconds for which the count of more serves.
KEPT = 10

_OPEN = """SELECT count(*), count(*) FILTER (WHERE expires_at > %s),
count(*) FILTER (WHERE expires_at > %s AND warns_at <= %s)"""
_CLOSED = "SELECT count(*), count(*) FILTER (WHERE close_reason = 'expired')"

#: A query without order for the columns that are counted by: its SQL, and the values.
Compiled = tuple[str, tuple[Any, ...]]


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
    return _count_open(_compile_open(sessions), now)


def count_all_open(now: datetime) -> OpenCounts:
    """Count all sessions that are not closed; the query, always the same, is made once."""
    return _count_open(_all_open(), now)


def count_closed(sessions: SessionQuerySet) -> ClosedCounts:
    """Count those of the sessions that are closed."""
    closed = _compile(sessions.closed().values("close_reason"))
    total, expired = _count(_CLOSED, [], closed)
    return ClosedCounts(expired=expired, ended=total - expired)


def _count_open(opened: Compiled, now: datetime) -> OpenCounts:
    present = connection.ops.adapt_datetimefield_value(now)
    total, active, expiring = _count(_OPEN, [present] * 3, opened)
    return OpenCounts(active=active, overdue=total - active, expiring=expiring)


@functools.cache
def _all_open() -> Compiled:
    return _compile_open(Session.objects.all())


def _compile_open(sessions: SessionQuerySet) -> Compiled:
    return _compile(sessions.open().values("expires_at", "warns_at"))


def _compile(sessions: Any) -> Compiled:
    compiler = sessions.query.get_compiler(connection=connection, elide_empty=False)
    sql, params = compiler.as_sql()
    return sql, tuple(params)


def _count(what: str, moments: list[Any], sessions: Compiled) -> Sequence[int]:
    """Count sessions, all of them and by kind.

    Args:
        what: What to select, the number of all first.
        moments: The values for it, which make no difference to what is kept.
        sessions: Which ones.
    """
    sql, params = sessions
    key = f"eliza-sessions-{sha256(repr(sessions).encode()).hexdigest()}"
    kept: tuple[Sequence[int], datetime] | None = _ask(cache.get, key)
    if kept is not None:
        counts, fresh_until = kept
        # Whoever is first to find it too old counts again.
        if clock.now() < fresh_until or not _ask(cache.add, f"{key}-again", 1, KEPT):
            return counts
    values = [*moments, *params]
    counts = _fetch(f"{what} FROM ({sql} LIMIT {FEW + 1}) AS few", values)
    if counts[0] > FEW:
        counts = _fetch(f"{what} FROM ({sql}) AS many", values)
        fresh_until = clock.now() + timedelta(seconds=KEPT)
        # Longer, so that it is to be had while somebody counts again.
        _ask(cache.set, key, (counts, fresh_until), 2 * KEPT)
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
