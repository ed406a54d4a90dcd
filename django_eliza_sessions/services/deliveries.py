"""Delivering events to webhook endpoints: at least once, in the order of each session.

A delivery is a durable job. Whoever takes it gets a lease; a sender that dies lets it
run out. Several senders at once share the work.
"""

import logging
import random
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from django_eliza_sessions import webhooks
from django_eliza_sessions.conf import conf
from django_eliza_sessions.models import Event, Session, WebhookDelivery, WebhookEndpoint
from django_eliza_sessions.models.rows import fetch_rows
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import Action, record_each
from django_eliza_sessions.services.dispatch import dispatch_job
from django_eliza_sessions.services.endpoints import (
    note_failure,
    note_successes,
    secrets_of,
)
from django_eliza_sessions.services.outbox import Occurrence, read_occurrences

logger = logging.getLogger(__name__)

Status = WebhookDelivery.Status
#: Requests one process has under way at once.
POSTS = 64
#: Requests one endpoint gets at once, from all processes: a slow one holds up nobody
#: else, and a weak one is not run over.
POSTS_PER_ENDPOINT = 8
#: And while it fails, so that endpoints that do not answer leave room for the others.
POSTS_WHILE_FAILING = 1
#: How often a sender looks for more to do while requests are under way, in seconds.
LOOK_EVERY = 0.5
#: How much longer than a request its lease lasts: host names take their time, too.
LEASE_MARGIN = timedelta(seconds=20)
#: The wait after the first failure; it doubles with each.
BACKOFF = timedelta(seconds=10)
#: Failures after which a delivery is given up, some 23 hours after the first.
MAX_ATTEMPTS = 14


def fan_out(events: Sequence[Event]) -> None:
    """Make a delivery of each event for each endpoint that wants it.

    Args:
        events: Locked by a relay, in its transaction; only those that no relay has had
            before count.
    """
    fresh = [event for event in events if event.is_unclaimed]
    endpoints = fetch_rows(WebhookEndpoint, enabled=True) if fresh else []
    if not endpoints:
        return
    WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(
                endpoint=endpoint,
                event=event,
                session_id=event.session_id,
                sequence=event.sequence,
                due_at=event.created_at,
            )
            for event in fresh
            for endpoint in endpoints
            if endpoint.wants(event.kind)
        ],
        ignore_conflicts=True,
    )
    # Even if there are none: others may have waited for these events to be claimed.
    transaction.on_commit(partial(dispatch_job, "send_webhooks"))


def send_webhooks() -> int:
    """Send the deliveries that are due; return how many arrived."""
    if not webhooks.is_installed():
        if WebhookDelivery.objects.due(clock.now()).exists():
            logger.error(webhooks.MISSING_EXTRA)
        return 0
    count = 0
    under_way: dict[Future[webhooks.Outcome], WebhookDelivery] = {}
    with ThreadPoolExecutor(POSTS, "eliza-webhook") as pool:
        while True:
            for delivery, occurrence in _take(POSTS - len(under_way)):
                try:
                    under_way[pool.submit(_post, delivery, occurrence)] = delivery
                except RuntimeError:  # This process is about to end; the next one will.
                    _held(delivery).update(status=Status.PENDING, due_at=clock.now())
            if not under_way:
                return count
            done, _ = wait(under_way, LOOK_EVERY, FIRST_COMPLETED)
            count += _record([(under_way.pop(future), future.result()) for future in done])


def _take(limit: int) -> list[tuple[WebhookDelivery, Occurrence]]:
    """Claim what is due, with what it is about; skip what is out of date."""
    while claimed := _claim(limit):
        occurrences = read_occurrences([delivery.event for delivery in claimed])
        taken = []
        for delivery, occurrence in zip(claimed, occurrences, strict=True):
            if _is_outdated(delivery.event):
                _held(delivery).update(status=Status.SKIPPED, due_at=None)
            else:
                taken.append((delivery, occurrence))
        if taken:
            return taken
    return []


@transaction.atomic
def _claim(limit: int) -> list[WebhookDelivery]:
    now = clock.now()
    until = now + timedelta(seconds=conf.webhook_timeout_seconds) + LEASE_MARGIN
    due = WebhookDelivery.objects.due(now)
    endpoints = WebhookEndpoint.objects.filter(Exists(due.filter(endpoint=OuterRef("pk"))))
    claimed: list[WebhookDelivery] = []
    # The lock makes senders take turns, so that they count right and take nothing twice.
    locked = list(endpoints.order_by("pk").select_for_update(no_key=True))
    for endpoint in sorted(locked, key=lambda endpoint: endpoint.failing_since is not None):
        most = POSTS_WHILE_FAILING if endpoint.failing_since else POSTS_PER_ENDPOINT
        busy = endpoint.deliveries.under_way(now).count()
        room = min(most - busy, limit - len(claimed))
        mine = due.filter(endpoint=endpoint).in_turn()
        claimed += mine.select_related("endpoint", "event__session")[: max(room, 0)]
    for delivery in claimed:
        delivery.due_at = until
    WebhookDelivery.objects.filter(pk__in=[delivery.pk for delivery in claimed]).update(
        status=Status.SENDING, due_at=until
    )
    return claimed


def _is_outdated(event: Event) -> bool:
    """Tell whether it warns about a deadline that has been moved or lifted."""
    session = event.session
    return event.kind == Event.Kind.WARNED and (
        event.deadline != session.expires_at
        or session.close_reason == Session.CloseReason.ENDED
    )


def _post(delivery: WebhookDelivery, occurrence: Occurrence) -> webhooks.Outcome:
    """Post an event; runs on a thread, away from the database."""
    event = delivery.event
    try:
        return webhooks.post(
            delivery.endpoint.url,
            secrets=secrets_of(delivery.endpoint),
            event_id=str(event.pk),
            body=webhooks.payload(event, occurrence.reply, occurrence.message),
            sent_at=clock.now(),
        )
    except Exception as error:
        # A mistake of ours must not stop the other deliveries.
        logger.exception("Delivery %s could not be sent", delivery)
        return webhooks.Outcome(error=repr(error))


def _held(delivery: WebhookDelivery) -> QuerySet[WebhookDelivery]:
    """Return the delivery, unless the lease ran out and somebody else took it."""
    return WebhookDelivery.objects.filter(
        pk=delivery.pk, status=Status.SENDING, due_at=delivery.due_at
    )


def _record(outcomes: list[tuple[WebhookDelivery, webhooks.Outcome]]) -> int:
    """Store how requests went; return how many events arrived."""
    count = _record_arrivals([row for row, outcome in outcomes if not outcome.error])
    for delivery, outcome in outcomes:
        if outcome.error:
            _record_failure(delivery, outcome.error)
    return count


def _record_arrivals(deliveries: list[WebhookDelivery]) -> int:
    """Store that events arrived, even if somebody else is sending them again by now."""
    note_successes([row.endpoint for row in deliveries])
    arrived = WebhookDelivery.objects.filter(pk__in=[row.pk for row in deliveries])
    return arrived.exclude(status=Status.DELIVERED).update(
        status=Status.DELIVERED,
        due_at=None,
        delivered_at=clock.now(),
        attempts=F("attempts") + 1,
        error="",
    )


@transaction.atomic
def _record_failure(delivery: WebhookDelivery, error: str) -> None:
    """Store that an event did not arrive, and when it is tried again, if ever.

    If somebody else is sending it by now, how that goes is what counts.
    """
    now = clock.now()
    attempts = delivery.attempts + 1
    gives_up = attempts >= MAX_ATTEMPTS
    is_ours = _held(delivery).update(
        status=Status.FAILED if gives_up else Status.PENDING,
        due_at=None if gives_up else _retry_at(now, attempts),
        attempts=attempts,
        error=error,
    )
    if is_ours:
        note_failure(delivery.endpoint, now, error)


def _retry_at(now: datetime, attempts: int) -> datetime:
    # Jitter, so that what failed together does not come back together.
    factor: float = 2 ** (attempts - 1) * random.uniform(0.9, 1.1)  # noqa: S311
    return now + BACKOFF * factor


@transaction.atomic
def send_again(deliveries: QuerySet[WebhookDelivery]) -> int:
    """Have deliveries sent now, whatever became of them; return how many.

    Args:
        deliveries: Those being sent at the moment are left alone.
    """
    idle = deliveries.exclude(status=Status.SENDING)
    sessions = set(idle.values_list("session_id", flat=True))
    record_each(Action.DELIVERY_RETRIED, sessions)
    count = idle.update(status=Status.PENDING, due_at=clock.now(), attempts=0)
    transaction.on_commit(partial(dispatch_job, "send_webhooks"))
    return count
