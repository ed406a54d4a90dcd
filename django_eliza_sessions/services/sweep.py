"""What time brings about: warnings, expirations, and the end of what is kept.

Works in bounded batches, each a transaction of its own. Several sweeps at once share
the work: a batch leaves out the rows that another one has locked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import SessionExpiredError, SessionNotFoundError
from django_eliza_sessions.models import Event, IdempotencyKey, Reply, Session
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.services import clock, transitions
from django_eliza_sessions.services.holding import cancel_replies

#: Rows per transaction, so that no request waits long for a row under sweep.
BATCH = 200
SWEPT_FIELDS = {*transitions.WARNING_FIELDS, *transitions.CLOSING_FIELDS}


@dataclass(slots=True, kw_only=True)
class SweepResult:
    """How many sessions a sweep warned about and found expired."""

    warned: int = 0
    expired: int = 0


def sweep_sessions() -> SweepResult:
    """Warn about sessions near their deadline and close those past it.

    Costs what is due, not what exists. A session is warned about once per deadline and
    expires once, however often and by however many this runs.
    """
    result = SweepResult()
    while _sweep_batch(result) == BATCH:
        pass
    return result


@transaction.atomic
def _sweep_batch(result: SweepResult) -> int:
    sessions = _lock(Session.objects.due(clock.now()), skip_locked=True)
    now = clock.now()
    warned = _warned_deadlines(sessions)
    events = []
    for session in sessions:
        # A change of timeouts can bring back a deadline that was warned about before.
        if (session.pk, session.expires_at) in warned:
            session.warned_for = session.expires_at
        if session.is_expired(now):
            events.append(transitions.expire(session, now))
            result.expired += 1
        elif transitions.next_due_at(session) <= now:
            events.append(transitions.warn(session, now))
            result.warned += 1
        else:
            session.sweep_at = transitions.next_due_at(session)
    expired = [session for session in sessions if session.closed_at is not None]
    _cancel_replies(expired, SessionExpiredError.code)
    _save(sessions, events)
    return len(sessions)


def _cancel_replies(sessions: list[Session], code: str) -> None:
    unfinished = Reply.objects.unfinished().filter(session__in=sessions)
    busy = set(unfinished.values_list("session_id", flat=True))
    for session in sessions:
        if session.pk in busy:
            cancel_replies(session, code)


def _warned_deadlines(sessions: list[Session]) -> set[tuple[UUID, datetime | None]]:
    warnings = Event.objects.filter(session__in=sessions, kind=Event.Kind.WARNED)
    return set(warnings.values_list("session_id", "deadline"))


def end_all_sessions() -> int:
    """End every session that can still be used; return how many."""
    count = 0
    while ended := _end_batch():
        count += ended
    return count


@transaction.atomic
def _end_batch() -> int:
    sessions = _lock(Session.objects.active(clock.now()), skip_locked=False)
    now = clock.now()
    _cancel_replies(sessions, SessionNotFoundError.code)
    events = [event for session in sessions for event in transitions.end(session, now)]
    _save(sessions, events)
    return len(sessions)


def _lock(sessions: SessionQuerySet, *, skip_locked: bool) -> list[Session]:
    return list(sessions.select_for_update(skip_locked=skip_locked, no_key=True)[:BATCH])


def _save(sessions: list[Session], events: list[Event]) -> None:
    Session.objects.bulk_update(sessions, SWEPT_FIELDS)
    Event.objects.bulk_create(events)


def purge_sessions() -> int:
    """Delete sessions over for longer than ``RETENTION_DAYS``, and old idempotency keys.

    Returns:
        How many were deleted, with their messages; 0 when everything is kept.
    """
    stale = clock.now() - timedelta(hours=conf.idempotency_hours)
    IdempotencyKey.objects.filter(created_at__lte=stale).delete()
    if conf.retention_days is None:
        return 0
    cutoff = clock.now() - timedelta(days=conf.retention_days)
    count = 0
    while purged := _purge_batch(Session.objects.closed_before(cutoff)):
        count += purged
    return count


@transaction.atomic
def _purge_batch(sessions: SessionQuerySet) -> int:
    ids = [session.pk for session in _lock(sessions, skip_locked=True)]
    Session.objects.filter(pk__in=ids).delete()
    return len(ids)
