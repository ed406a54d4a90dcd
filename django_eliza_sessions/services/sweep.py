"""What time brings about: warnings, expirations, and the end of what is kept.

Works in bounded batches, each a transaction of its own. Several sweeps at once share
the work: a batch leaves out the rows that another one has locked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import SessionExpiredError
from django_eliza_sessions.models import Event, IdempotencyKey, RateCount, Session
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import clock, transitions
from django_eliza_sessions.services.audit import Action, delete_records, record_each
from django_eliza_sessions.services.ending import cancel_replies_of
from django_eliza_sessions.services.outbox import record_events
from django_eliza_sessions.services.retention import apply_retention

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
    sessions = _lock(Session.objects.due(clock.now()))
    now = clock.now()
    warned = _warned_deadlines(sessions)
    events = []
    cancel_replies_of([s for s in sessions if s.is_expired(now)], SessionExpiredError.code)
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
    _save(sessions, events)
    expired = [event.session_id for event in events if event.kind == Event.Kind.EXPIRED]
    # By the clock, whoever may have asked for the sweep.
    record_each(Action.SESSION_EXPIRED, expired, actor=SYSTEM.id)
    return len(sessions)


def _warned_deadlines(sessions: list[Session]) -> set[tuple[UUID, datetime | None]]:
    warnings = Event.objects.filter(session__in=sessions, kind=Event.Kind.WARNED)
    return set(warnings.values_list("session_id", "deadline"))


def _lock(sessions: SessionQuerySet) -> list[Session]:
    return list(sessions.select_for_update(skip_locked=True, no_key=True)[:BATCH])


def _save(sessions: list[Session], events: list[Event]) -> None:
    Session.objects.bulk_update(sessions, SWEPT_FIELDS)
    if events:
        record_events(events)


def purge_sessions() -> int:
    """Delete or anonymise sessions over for longer than agent or settings say.

    And delete old idempotency keys, events handed out ``EVENT_RETENTION_DAYS`` ago, what
    was counted in windows that are over, and audit records older than
    ``AUDIT_RETENTION_DAYS``.

    Returns:
        How many sessions were dealt with; 0 when everything is kept.
    """
    stale = clock.now() - timedelta(hours=conf.idempotency_hours)
    IdempotencyKey.objects.filter(created_at__lte=stale).delete()
    RateCount.objects.filter(expires_at__lte=clock.now()).delete()
    past = Event.objects.past(clock.now() - timedelta(days=conf.event_retention_days))
    while ids := list(past.values_list("pk", flat=True)[:BATCH]):
        Event.objects.filter(pk__in=ids).delete()
    if conf.audit_retention_days is not None:
        cutoff = clock.now() - timedelta(days=conf.audit_retention_days)
        delete_records(Q(at__lt=cutoff))
    return apply_retention()
