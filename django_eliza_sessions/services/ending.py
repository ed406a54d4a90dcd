"""Ending sessions: one that nobody wants any more, or many, in batches."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from django_eliza_sessions.exceptions import SessionNotFoundError
from django_eliza_sessions.models import Reply, Session
from django_eliza_sessions.models.rows import update_row
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.services import clock, transitions
from django_eliza_sessions.services.audit import Action, record_each
from django_eliza_sessions.services.holding import cancel_replies
from django_eliza_sessions.services.outbox import record_events

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
    count = 0
    while ended := _end_batch(wanted(clock.now()), actor):
        count += ended
    return count


@transaction.atomic
def _end_batch(wanted: SessionQuerySet, actor: str | None) -> int:
    # In one order, so that two who end the same sessions wait, and not for each other.
    locked = wanted.order_by("pk").select_for_update(no_key=True)
    sessions = list(locked[:BATCH])
    now = clock.now()
    cancel_replies_of(sessions, SessionNotFoundError.code)
    events = [event for session in sessions for event in transitions.end(session, now)]
    Session.objects.bulk_update(sessions, transitions.CLOSING_FIELDS)
    if events:
        record_events(events)
    record_each(Action.SESSION_ENDED, [session.pk for session in sessions], actor=actor)
    return len(sessions)


def cancel_replies_of(sessions: list[Session], code: str) -> None:
    """Cancel the unfinished replies of locked sessions, few of which have any."""
    unfinished = Reply.objects.unfinished().filter(session__in=sessions)
    busy = set(unfinished.values_list("session_id", flat=True))
    for session in sessions:
        if session.pk in busy:
            cancel_replies(session, code)
