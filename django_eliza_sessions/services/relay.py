"""Relaying events: every receiver hears of everything that must be heard of.

At least once: an event stays due until its receivers took it, whoever is killed
meanwhile. Several relays at once share the work.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.dispatch import Signal

from django_eliza_sessions import signals
from django_eliza_sessions.models import Event, Message, Reply, Session
from django_eliza_sessions.models.relaying import lock_due_events
from django_eliza_sessions.models.rows import update_rows
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import Action, record_each
from django_eliza_sessions.services.deliveries import fan_out
from django_eliza_sessions.services.outbox import (
    Occurrence,
    read_occurrences,
    relay_after_commit,
)

logger = logging.getLogger(__name__)

#: Events claimed at once.
BATCH = 100
#: How long a relay may take over what it claimed, before another one repeats it.
LEASE = timedelta(seconds=10)
#: The wait after the first failure; it doubles with each.
BACKOFF = timedelta(seconds=1)
#: Failures after which an event is given up, some eight minutes after the first.
MAX_ATTEMPTS = 10

SIGNALS: dict[str, Signal] = {
    Event.Kind.CREATED: signals.session_created,
    Event.Kind.WARNED: signals.session_expiration_warned,
    Event.Kind.EXPIRED: signals.session_expired,
    Event.Kind.ENDED: signals.session_ended,
    Event.Kind.MESSAGE: signals.message_created,
    Event.Kind.REPLY_COMPLETE: signals.reply_completed,
    Event.Kind.REPLY_FAILED: signals.reply_failed,
    Event.Kind.REPLY_CANCELLED: signals.reply_cancelled,
}


def relay_events() -> int:
    """Hand out the events that are due; return how many were handed out."""
    count, is_more = 0, True
    while is_more:
        found, heard = _claim(until := clock.now() + LEASE)
        # Whatever came meanwhile has asked for a relay itself.
        is_more = found == BATCH
        count += found - len(heard)
        done = set()
        for occurrence in read_occurrences(heard):
            if clock.now() >= until:
                is_more = True  # Somebody else may have the rest by now, or nobody.
                break
            if _hand_out(occurrence, until):
                done.add(occurrence.event.pk)
        if done:
            count += _held(until).filter(pk__in=done).update(relay_at=None, error="")
    return count


def _is_heard(event: Event) -> bool:
    """Tell whether anybody in this process listens to what an event is about."""
    signal = SIGNALS[event.kind]
    # Which of them sends it is known only once its subject is read.
    return any(signal.has_listeners(sender) for sender in (Session, Message, Reply))


@transaction.atomic
def _claim(until: datetime) -> tuple[int, list[Event]]:
    """Claim what is due and heard of; the rest is done with once it is fanned out.

    Returns:
        How many events were due, and those that are claimed, with their sessions.
    """
    found = lock_due_events(clock.now(), BATCH)
    fan_out(found)
    heard: list[Event] = []
    rest: list[Event] = []
    for event in found:
        (heard if _is_heard(event) else rest).append(event)
    update_rows(rest, relay_at=None, error="")
    update_rows(heard, relay_at=until)
    models.prefetch_related_objects(heard, "session")
    return len(found), heard


def _held(until: datetime) -> models.QuerySet[Event]:
    return Event.objects.filter(relay_at=until)


def _hand_out(occurrence: Occurrence, until: datetime) -> bool:
    """Send an event's signal; tell whether every receiver took it."""
    event = occurrence.event
    subject = _subject(occurrence)
    sender = type(next(iter(subject.values())))
    answers = SIGNALS[event.kind].send_robust(sender=sender, event=event, **subject)
    failures = [
        f"{_name(receiver)}: {answer!r}"
        for receiver, answer in answers
        if isinstance(answer, Exception)
    ]
    if failures:
        _postpone(event, until, "\n".join(failures))
    return not failures


def _subject(occurrence: Occurrence) -> dict[str, Any]:
    """Return what a signal tells besides the event; the first is what it is about."""
    if occurrence.reply is not None:
        return {"reply": occurrence.reply, "message": occurrence.message}
    if occurrence.message is not None:
        return {"message": occurrence.message}
    return {"session": occurrence.event.session}


def _name(receiver: Callable[..., object]) -> str:
    return f"{receiver.__module__}.{getattr(receiver, '__qualname__', receiver)}"


def _postpone(event: Event, until: datetime, error: str) -> None:
    attempts = event.attempts + 1
    gives_up = attempts >= MAX_ATTEMPTS
    retry_at = clock.now() + BACKOFF * 2 ** (attempts - 1)
    _held(until).filter(pk=event.pk).update(
        attempts=attempts, relay_at=None if gives_up else retry_at, error=error
    )
    if gives_up:
        logger.error("Event %s was given up after %s attempts", event, attempts)


@transaction.atomic
def retry_events(events: models.QuerySet[Event]) -> int:
    """Hand out again those of the events that were given up; return how many."""
    dead = Event.objects.dead().filter(pk__in=events.values("pk"))
    record_each(Action.EVENT_RETRIED, set(dead.values_list("session_id", flat=True)))
    count = dead.update(relay_at=clock.now(), attempts=0, error="")
    relay_after_commit()
    return count
