"""Events that are due to be relayed, by a statement that is made once."""

from datetime import datetime
from functools import cache

from django.db import connection

from django_eliza_sessions.models.columns import prepared
from django_eliza_sessions.models.event import Event
from django_eliza_sessions.models.statements import Statement, selecting


def lock_due_events(now: datetime, limit: int) -> list[Event]:
    """Lock the events that are due and that nobody else holds, the longest overdue first.

    Args:
        now: The present.
        limit: How many at most.
    """
    return _due(limit).fetch(prepared(now=(Event, "relay_at", now)))


@cache
def _due(limit: int) -> Statement:
    can_skip = connection.features.has_select_for_update_skip_locked
    lock = " FOR UPDATE SKIP LOCKED" if can_skip else ""
    return selecting(
        Event,
        f"SELECT id FROM {Event._meta.db_table} WHERE relay_at <= %(now)s "
        f"ORDER BY relay_at, sequence, id LIMIT {limit:d}{lock}",
    )
