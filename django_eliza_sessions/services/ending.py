"""Ending sessions: one that nobody wants any more, or many, in batches."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from django_eliza_sessions.exceptions import SessionNotFoundError
from django_eliza_sessions.models import AuditRecord, Event, Session
from django_eliza_sessions.models.closing import close_sessions, find_unanswered
from django_eliza_sessions.models.rows import update_row
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.services import clock, transitions
from django_eliza_sessions.services.audit import Action, new_record
from django_eliza_sessions.services.finishing import cancel_replies
from django_eliza_sessions.services.outbox import (
    event_of_each,
    record_events,
    relay_after_commit,
)

#: Rows per transaction, so that no request waits long for a row that is ended.
BATCH = 200


def end_locked(session: Session, now: datetime) -> None:
    """End a session whose row the caller has locked."""
    cancel_replies(session, SessionNotFoundError.code)
    events = transitions.end(session, now)
    update_row(session, *transitions.CLOSING_FIELDS)
    record_events(events)


def end_all_sessions() -> int:
    """End every session that can still be used; return how many."""
    return end_sessions(Session.objects.active)


def end_sessions(
    wanted: Callable[[datetime], SessionQuerySet], *, actor: str | None = None
) -> int:
    """End sessions, in batches; return how many.

    Args:
        wanted: Gets the present and returns those to end, which are not closed.
        actor: The id of the principal who wants it; else whoever the door says is there.
    """
    count, last = 0, None
    while True:
        ids = _end_batch(wanted(clock.now()), last, actor)
        count += len(ids)
        if not ids and last is None:
            return count
        # After the last one, or what was ended before would be passed by each time; then
        # once more from the start, for those opened meanwhile.
        last = ids[-1] if ids else None


@transaction.atomic
def _end_batch(wanted: SessionQuerySet, last: UUID | None, actor: str | None) -> list[UUID]:
    """End the next sessions after the last one; return which."""
    if last is not None:
        wanted = wanted.filter(pk__gt=last)
    # In one order, so that two who end the same sessions wait, and not for each other.
    locked = wanted.order_by("pk").select_for_update(no_key=True)
    ids = list(locked.values_list("pk", flat=True)[:BATCH])
    if not ids:
        return []
    now = clock.now()
    cancel_replies_of(ids, SessionNotFoundError.code)
    expire_each(ids, now)
    record = new_record(Action.SESSION_ENDED, session_id=F("id"), actor=actor)
    event = event_of_each(Event.Kind.ENDED, now)
    close_sessions(ids, now, Session.CloseReason.ENDED, [event, record])
    relay_after_commit()
    return ids


def expire_each(
    session_ids: Sequence[UUID], now: datetime, records: Sequence[AuditRecord] = ()
) -> int:
    """Close those of locked sessions that are open and past their deadline.

    As ``transitions.expire`` does.

    Args:
        session_ids: Which.
        now: The present.
        records: What to record of each of them.

    Returns:
        How many were closed.
    """
    event = event_of_each(Event.Kind.EXPIRED, now, deadline=F("expires_at"))
    expired = Session.CloseReason.EXPIRED
    if count := close_sessions(session_ids, now, expired, [event, *records]):
        relay_after_commit()
    return count


def cancel_replies_of(session_ids: Sequence[UUID], code: str) -> None:
    """Cancel the unfinished replies of locked sessions, few of which have any."""
    for session in find_unanswered(session_ids):
        cancel_replies(session, code)
