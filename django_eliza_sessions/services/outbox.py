"""The outbox: recording what must be heard of, and reading it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import cast
from uuid import UUID

from django.db import transaction
from django.db.models import F

from django_eliza_sessions.models import Event, Message, Reply
from django_eliza_sessions.models.rows import insert_rows
from django_eliza_sessions.services.dispatch import dispatch_job


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An event with what it is about.

    Attributes:
        event: With its session.
        reply: The reply that ended, if it is about one.
        message: The message that was stored, if it is about one; of a reply that
            ended the agent's message, whole or partial, if there is any.
    """

    event: Event
    reply: Reply | None = None
    message: Message | None = None


def record_events(events: Sequence[Event]) -> None:
    """Store events with the change they tell of, and have them relayed after it.

    Args:
        events: Numbered, unsaved; their sessions are locked.
    """
    insert_rows(events)
    relay_after_commit()


def relay_after_commit() -> None:
    """Have events relayed once the change that they tell of is certain."""
    transaction.on_commit(partial(dispatch_job, "relay_events"))


def event_of_each(kind: Event.Kind, now: datetime, *, deadline: F | None = None) -> Event:
    """Return what is stored as the next event of each of many sessions that are changed.

    Args:
        kind: What happened.
        now: When.
        deadline: The field of the deadline it is about, if it is about one.
    """
    return Event(
        session_id=cast("UUID", F("id")),
        sequence=F("last_sequence"),
        kind=kind,
        deadline=deadline,
        created_at=now,
        relay_at=now,
    )


def read_occurrences(events: Sequence[Event]) -> list[Occurrence]:
    """Return events with what they are about, in two queries at most.

    Args:
        events: With their sessions.
    """
    replies = Reply.objects.select_related("session").in_bulk(
        {event.reply_id for event in events if event.reply_id}
    )
    messages = Message.objects.select_related("session__agent").in_bulk(
        {event.message_id for event in events if event.message_id}
    )
    return [
        Occurrence(
            event=event,
            reply=replies.get(event.reply_id),
            message=messages.get(event.message_id),
        )
        for event in events
    ]
