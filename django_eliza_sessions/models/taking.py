"""Taking the job of a reply, by one statement that is made once."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import cast
from uuid import UUID

from django_eliza_sessions.models.columns import prepared
from django_eliza_sessions.models.reading import limits_param, saying_for
from django_eliza_sessions.models.reply import Reply
from django_eliza_sessions.models.statements import Statement, returning
from django_eliza_sessions.models.together import change_and_insert


def take_if_in_turn(
    reply_id: UUID, now: datetime, lease_until: datetime, limits: Mapping[str, int]
) -> Reply | None:
    """Take a queued reply if it is its turn.

    Args:
        reply_id: Which.
        now: The present.
        lease_until: Until when it is in our hands.
        limits: How many earlier messages backends are told, by their aliases.

    Returns:
        It with its message, its session and the agent, and on PostgreSQL with what its
        backend is told, if its limit is given; ``None`` if it was not to be had.

    Raises:
        IntegrityError: Another one of the session was taken at the same moment.
    """
    params = prepared(
        id=(Reply, "id", reply_id),
        now=(Reply, "started_at", now),
        lease_until=(Reply, "lease_until", lease_until),
    )
    params |= limits_param(limits)
    related = ("message", "session", "session__agent")
    # Nothing earlier is missing: it is its turn, so all that is to come first is stored.
    told = saying_for("t0.session_id", "t0.created_at", "t3.backend")
    found = change_and_insert(_taking(), params, related=related, told=told)
    return cast("Reply | None", found)


@cache
def _taking() -> Statement:
    return returning(
        Reply,
        f"UPDATE {Reply._meta.db_table} AS t0 SET status = '{Reply.Status.RUNNING}', "
        "attempts = attempts + 1, started_at = %(now)s, lease_until = %(lease_until)s "
        f"WHERE id = %(id)s AND status = '{Reply.Status.QUEUED}' {Reply.IN_TURN}",
    )
