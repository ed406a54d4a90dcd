"""Whether something has waited for too long: what health asks, in one statement."""

from datetime import datetime

from django.db import connection

# The earliest is the first entry of an index, whatever the planner believes there is. The
# statuses are spelled out twice, because SQLite takes a partial index only where the
# statement itself says the index's condition.
_NEGLECTED = """
SELECT (
    SELECT min(sweep_at) FROM django_eliza_sessions_session WHERE sweep_at IS NOT NULL
) <= %s OR (
    SELECT min(relay_at) FROM django_eliza_sessions_event WHERE relay_at IS NOT NULL
) <= %s
OR EXISTS (
    SELECT 1 FROM django_eliza_sessions_reply waiting
    WHERE waiting.status IN ('queued', 'running')
    AND NOT EXISTS (
        SELECT 1 FROM django_eliza_sessions_reply earlier
        WHERE earlier.session_id = waiting.session_id
        AND earlier.created_at < waiting.created_at
        AND earlier.status IN ('queued', 'running'))
    AND (
        waiting.status = 'running' AND waiting.lease_until <= %s
        OR waiting.status = 'queued' AND waiting.created_at <= %s
        AND NOT EXISTS (
            SELECT 1 FROM django_eliza_sessions_reply ended
            WHERE ended.session_id = waiting.session_id AND ended.finished_at > %s)))
"""


def is_anything_neglected(since: datetime, replies_since: datetime) -> bool:
    """Tell whether something that must not wait has waited since a moment.

    Args:
        since: For sessions that a sweep, and events that a relay has to look at.
        replies_since: For replies in turn that nobody has taken, or whose lease ran out.
    """
    waits = [since, since, replies_since, replies_since, replies_since]
    with connection.cursor() as cursor:
        cursor.execute(
            _NEGLECTED, [connection.ops.adapt_datetimefield_value(at) for at in waits]
        )
        return bool(cursor.fetchone()[0])
