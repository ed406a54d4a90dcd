"""Closing many sessions alike, by statements that are made once."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

from django.db import models

from django_eliza_sessions.models.columns import among, many, prepared
from django_eliza_sessions.models.reply import Reply
from django_eliza_sessions.models.session import Session
from django_eliza_sessions.models.statements import Statement, returning, selecting
from django_eliza_sessions.models.together import change_and_insert_each


def close_sessions(
    session_ids: Sequence[UUID],
    now: datetime,
    reason: Session.CloseReason,
    rows: Sequence[models.Model],
) -> int:
    """Close locked sessions, and add to each of them; return how many were closed.

    Args:
        session_ids: Which. With ``EXPIRED`` only those are closed that are open and past
            their deadline, and at that; with ``ENDED`` all of them, now.
        now: The present.
        reason: Why.
        rows: What each of them gets: an event, which its ``last_sequence`` then counts,
            and others, unsaved. ``F`` stands for what the session then has.
    """
    params = prepared(now=(Session, "closed_at", now))
    params["ids"] = many(Session, session_ids)
    return change_and_insert_each(_closing(reason), params, rows)


@cache
def _closing(reason: Session.CloseReason) -> Statement:
    at, which = "%(now)s", among("t0.id", "ids")
    if reason == Session.CloseReason.EXPIRED:
        at, which = "expires_at", f"{which} AND t0.closed_at IS NULL AND expires_at <= {at}"
    return returning(
        Session,
        f"UPDATE {Session._meta.db_table} AS t0 SET sweep_at = NULL, closed_at = {at}, "
        f"close_reason = '{reason.value}', last_sequence = last_sequence + 1 WHERE {which}",
    )


def find_unanswered(session_ids: Sequence[UUID]) -> list[Session]:
    """Return those of some sessions that have unfinished replies."""
    return _unanswered().fetch({"ids": many(Session, session_ids)})


@cache
def _unanswered() -> Statement:
    table = Session._meta.db_table
    # As ``ReplyQuerySet.in_turn`` asks.
    any_reply = (
        f"SELECT min(created_at) FROM {Reply._meta.db_table} "
        f"WHERE session_id = {table}.id AND status IN ('queued', 'running')"
    )
    which = f"{among(f'{table}.id', 'ids')} AND ({any_reply}) IS NOT NULL"
    return selecting(Session, f"SELECT id FROM {table} WHERE {which}")
