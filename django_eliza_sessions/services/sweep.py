"""What time brings about: warnings, expirations, and the end of what is kept.

Works in bounded batches, each a transaction of its own. Several sweeps at once share
the work: a batch leaves out the rows that another one has locked.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, When
from django.db.models.functions import Least

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import SessionExpiredError
from django_eliza_sessions.models import Event, IdempotencyKey, RateCount, Session
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import Action, delete_records, record_of_each
from django_eliza_sessions.services.ending import cancel_replies_of, expire_each
from django_eliza_sessions.services.outbox import record_event_of_each
from django_eliza_sessions.services.retention import apply_retention

#: Rows per transaction, so that no request waits long for a row under sweep.
BATCH = 100
#: Seconds between batches for others to write where only one can, in SQLite: those who
#: wait for the file look again every 25 to 100 milliseconds.
OTHERS_TURN = 0.03


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
        if not connection.features.has_select_for_update_skip_locked:
            time.sleep(OTHERS_TURN)
    return result


@transaction.atomic
def _sweep_batch(result: SweepResult) -> int:
    due = Session.objects.due(clock.now())
    locked = due.select_for_update(skip_locked=True, no_key=True)
    ids = list(locked.values_list("pk", flat=True)[:BATCH])
    if ids:
        _settle(Session.objects.filter(pk__in=ids), clock.now(), result)
    return len(ids)


def _settle(sessions: SessionQuerySet, now: datetime, result: SweepResult) -> None:
    """Do with locked sessions what they are due for: all alike in one statement."""
    deadline = F("expires_at")
    # A change of timeouts can bring back a deadline that was warned about before.
    warned_before = Event.objects.filter(
        session=OuterRef("pk"), kind=Event.Kind.WARNED, deadline=OuterRef("expires_at")
    )
    sessions.filter(Exists(warned_before)).update(warned_for=deadline)
    over = sessions.filter(expires_at__lte=now)
    cancel_replies_of(over, SessionExpiredError.code)
    # By the clock, whoever may have asked for the sweep.
    record_of_each(Action.SESSION_EXPIRED, over, actor=SYSTEM.id)
    result.expired += expire_each(over, now)
    result.warned += _warn_each(
        sessions.open().filter(warns_at__lte=now).exclude(warned_for=deadline), now
    )
    # The others were looked at too soon.
    sessions.filter(sweep_at__lte=now).update(
        sweep_at=Case(
            When(warned_for=deadline, then=deadline), default=Least("warns_at", deadline)
        )
    )


def _warn_each(sessions: SessionQuerySet, now: datetime) -> int:
    """Warn of the deadlines of locked sessions; return how many."""
    deadline = F("expires_at")
    count = record_event_of_each(sessions, Event.Kind.WARNED, now, deadline=deadline)
    if count:
        sessions.update(
            warned_for=deadline, sweep_at=deadline, last_sequence=F("last_sequence") + 1
        )
    return count


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
    while ids := list(past.order_by("created_at").values_list("pk", flat=True)[:BATCH]):
        Event.objects.filter(pk__in=ids).delete()
    if conf.audit_retention_days is not None:
        cutoff = clock.now() - timedelta(days=conf.audit_retention_days)
        delete_records(Q(at__lt=cutoff))
    return apply_retention()
