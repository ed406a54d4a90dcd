"""What time brings about: warnings, expirations, and the end of what is kept.

Works in bounded batches, each a transaction of its own. Several sweeps at once share
the work: a batch leaves out the rows that another one has locked.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import SessionExpiredError
from django_eliza_sessions.models import Event, IdempotencyKey, RateCount, Session
from django_eliza_sessions.models.warning import postpone_sessions, warn_sessions
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import Action, delete_records, new_record
from django_eliza_sessions.services.ending import cancel_replies_of, expire_each
from django_eliza_sessions.services.outbox import event_of_each, relay_after_commit
from django_eliza_sessions.services.retention import apply_retention

#: Rows per transaction, at first and at least: fewer would hardly take less time.
BATCH = 100
#: And at most, however fast they are.
LARGEST_BATCH = 1000
#: Seconds that a transaction is to take, so that no request waits long for a row under
#: sweep: by how long one took, the next one gets more rows, or fewer.
BATCH_SECONDS = 0.025
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
    result, size = SweepResult(), BATCH
    while True:
        started = time.perf_counter()
        if _sweep_batch(size, result) < size:
            return result
        took = time.perf_counter() - started
        size = max(BATCH, min(int(size * BATCH_SECONDS / took), 2 * size, LARGEST_BATCH))
        if not connection.features.has_select_for_update_skip_locked:
            time.sleep(OTHERS_TURN)


@transaction.atomic
def _sweep_batch(size: int, result: SweepResult) -> int:
    """Do with sessions what they are due for, all alike in one statement.

    Args:
        size: How many at most.
        result: Counts them.

    Returns:
        How many there were, at most as many as wanted.
    """
    due = Session.objects.due(clock.now())
    locked = due.select_for_update(skip_locked=True, no_key=True)
    found = list(locked.values_list("pk", "expires_at", "warns_at")[:size])
    now = clock.now()
    over: list[UUID] = []
    near: list[UUID] = []
    early: list[UUID] = []
    for pk, deadline, warning in found:
        (over if deadline <= now else near if warning <= now else early).append(pk)
    if over:
        cancel_replies_of(over, SessionExpiredError.code)
        # By the clock, whoever may have asked for the sweep.
        record = new_record(Action.SESSION_EXPIRED, session_id=F("id"), actor=SYSTEM.id)
        result.expired += expire_each(over, now, [record])
    if near:
        result.warned += _warn(near, now)
    if early:
        # Looked at too soon, most of them for having been renewed.
        postpone_sessions(early)
    return len(found)


def _warn(session_ids: Sequence[UUID], now: datetime) -> int:
    """Warn of the deadlines of locked sessions, once each; return how many it did."""
    event = event_of_each(Event.Kind.WARNED, now, deadline=F("expires_at"))
    if count := warn_sessions(session_ids, event):
        relay_after_commit()
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
