"""Ending sessions: one that nobody wants any more, or many, in batches."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Subquery

from django_eliza_sessions.exceptions import SessionNotFoundError
from django_eliza_sessions.models import Event, Reply, Session
from django_eliza_sessions.models.rows import update_row
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.services import clock, transitions
from django_eliza_sessions.services.audit import Action, record_of_each
from django_eliza_sessions.services.finishing import cancel_replies
from django_eliza_sessions.services.outbox import record_event_of_each, record_events

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
    sessions, now = Session.objects.filter(pk__in=ids), clock.now()
    cancel_replies_of(sessions, SessionNotFoundError.code)
    expire_each(sessions.open().filter(expires_at__lte=now), now)
    record_event_of_each(sessions, Event.Kind.ENDED, now)
    sessions.update(
        sweep_at=None,
        closed_at=now,
        close_reason=Session.CloseReason.ENDED,
        last_sequence=F("last_sequence") + 1,
    )
    record_of_each(Action.SESSION_ENDED, sessions, actor=actor)
    return ids


def expire_each(sessions: SessionQuerySet, now: datetime) -> int:
    """Close locked sessions as ``transitions.expire`` does; return how many."""
    deadline = F("expires_at")
    count = record_event_of_each(sessions, Event.Kind.EXPIRED, now, deadline=deadline)
    if count:
        sessions.update(
            sweep_at=None,
            closed_at=deadline,
            close_reason=Session.CloseReason.EXPIRED,
            last_sequence=F("last_sequence") + 1,
        )
    return count


def cancel_replies_of(sessions: SessionQuerySet, code: str) -> None:
    """Cancel the unfinished replies of locked sessions, few of which have any."""
    unfinished = Reply.objects.unfinished().filter(session=OuterRef("pk"))
    # No ``Exists``, of which PostgreSQL makes a join with all the unfinished.
    any_of_it = Subquery(unfinished.values("pk")[:1])
    for session in sessions.alias(unfinished=any_of_it).filter(unfinished__isnull=False):
        cancel_replies(session, code)
