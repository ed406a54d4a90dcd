"""Whether something has waited for too long: what health asks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

# The earliest is the first entry of an index, whatever the planner believes there is. The
# statuses, and what is never null, are spelled out: a partial index is taken only where
# the statement itself says the index's condition.
_WAITING = """
SELECT (
    SELECT sweep_at FROM django_eliza_sessions_session
    WHERE sweep_at IS NOT NULL ORDER BY sweep_at LIMIT 1
) <= %s OR (
    SELECT relay_at FROM django_eliza_sessions_event
    WHERE relay_at IS NOT NULL ORDER BY relay_at LIMIT 1
) <= %s,
(
    SELECT id FROM django_eliza_sessions_reply
    WHERE status IN ('queued', 'running') AND lease_until IS NOT NULL
    AND created_at <= %s ORDER BY lease_until LIMIT 1
) IS NOT NULL
"""
# Only asked where a reply is old enough, for to plan it takes longer than the other.
_REPLY_WAITING = """
SELECT (
    SELECT waiting.id FROM django_eliza_sessions_reply waiting
    WHERE waiting.status IN ('queued', 'running') AND waiting.lease_until IS NOT NULL
    AND (
        waiting.status = 'running' AND waiting.lease_until <= %s
        OR waiting.status = 'queued' AND waiting.created_at <= %s
        AND NOT EXISTS (
            SELECT 1 FROM django_eliza_sessions_reply ended
            WHERE ended.session_id = waiting.session_id AND ended.finished_at > %s))
    AND (
        SELECT min(earlier.created_at) FROM django_eliza_sessions_reply earlier
        WHERE earlier.session_id = waiting.session_id
        AND earlier.created_at < waiting.created_at
        AND earlier.status IN ('queued', 'running')) IS NULL
    ORDER BY waiting.lease_until LIMIT 1
) IS NOT NULL
"""


def is_anything_neglected(since: datetime, replies_since: datetime) -> bool:
    """Tell whether something that must not wait has waited since a moment.

    Args:
        since: For sessions that a sweep, and events that a relay has to look at.
        replies_since: For replies in turn that nobody has taken, or whose lease ran out.
    """
    waits, has_old_reply = _ask(_WAITING, since, since, replies_since)
    if waits or not has_old_reply:
        return bool(waits)
    [reply_waits] = _ask(_REPLY_WAITING, *[replies_since] * 3)
    return bool(reply_waits)


def _ask(sql: str, *moments: datetime) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql, [connection.ops.adapt_datetimefield_value(at) for at in moments]
        )
        answer: Sequence[Any] = cursor.fetchone()
        return answer
