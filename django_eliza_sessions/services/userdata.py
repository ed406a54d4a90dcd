"""What is held of users, table by table: how it is told, taken away and made nobody's.

The one place that says so. A test holds it against the models: whatever hangs on a
session must stand in ``HOLDINGS``, and all else in ``OF_NOBODY``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Q, QuerySet

from django_eliza_sessions.models import (
    Agent,
    ApiKey,
    AuditRecord,
    Erasure,
    Event,
    IdempotencyKey,
    Message,
    RateCount,
    Reply,
    ReplyChunk,
    Session,
    WebhookDelivery,
    WebhookEndpoint,
)
from django_eliza_sessions.services.audit import delete_records

#: The ids of sessions, or a query for them.
Ids = Sequence[UUID] | QuerySet[Any, Any]

#: Rows per transaction, so that none is long and nobody waits long.
ROWS = 1000
#: Whose a session is, and what the user wrote, once it was anonymised.
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """The rows of a model that belong to sessions.

    Attributes:
        session: The look-up from a row to its session.
        name: Its ``type`` in an export; empty where other rows tell all of it.
        order: How an export orders it.
        left_out: Fields that an export leaves out, for they say when and how the service
            goes on with a row, and nothing of the user.
        blank: What makes a row nobody's; without it, the row goes.
    """

    model: type[models.Model]
    session: str = "session"
    name: str = ""
    order: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
    blank: Mapping[str, object] | None = None

    def rows(self, session_ids: Ids) -> QuerySet[Any]:
        """Return the rows that belong to these sessions."""
        return self.model._default_manager.filter(**{f"{self.session}__in": session_ids})

    def rows_to_anonymise(self, session_ids: Ids) -> QuerySet[Any]:
        """Return those of the rows that still say something of somebody."""
        rows = self.rows(session_ids)
        if self.blank is None:
            return rows
        # Only texts and ids can be compared; where they are blank, the rest is, too.
        return rows.exclude(
            **{field: to for field, to in self.blank.items() if isinstance(to, str | UUID)}
        )


SESSIONS = Holding(
    model=Session,
    session="pk",
    name="session",
    order=("created_at", "id"),
    left_out=frozenset({"sweep_at"}),
    blank={"user_id": NOBODY, "owner": "", "metadata": {}, "hold_reason": ""},
)
#: What goes before its session does; each before what it refers to.
PARTS = (
    # An unfinished reply tells its text so far; of the others it is a message's content.
    Holding(model=ReplyChunk, session="reply__session"),
    Holding(
        model=WebhookDelivery,
        session="event__session",
        name="webhookDelivery",
        order=("session_id", "sequence", "pk"),
        left_out=frozenset({"due_at", "attempts", "error"}),
    ),
    Holding(
        model=IdempotencyKey,
        name="idempotencyKey",
        order=("session_id", "pk"),
        left_out=frozenset({"digest"}),
    ),
    Holding(
        model=Event,
        name="event",
        order=("session_id", "sequence"),
        left_out=frozenset({"relay_at", "attempts", "error"}),
    ),
    Holding(
        model=Reply,
        name="reply",
        order=("session_id", "created_at"),
        left_out=frozenset({"lease_until", "attempts"}),
        blank={"error": ""},
    ),
    Holding(
        model=Message,
        name="message",
        order=("session_id", "created_at"),
        blank={"content": "", "author_id": NOBODY, "metadata": {}, "attachments": []},
    ),
)
HOLDINGS = (*PARTS, SESSIONS)

#: The other models, and why erasing a user leaves their rows.
OF_NOBODY: dict[type[models.Model], str] = {
    Agent: "made by operators; refers to no user",
    ApiKey: "made by operators; a key's own user is derived from its prefix, not stored",
    AuditRecord: "goes with sessions erased or made nobody's; tells who did what to them",
    Erasure: "the receipt itself; forgets the user once it is finished",
    RateCount: "tells callers only as keyed digests, and goes with its window",
    WebhookEndpoint: "made by operators; its last error is emptied, for it may quote",
}


def delete_rows(sessions: Sequence[Session], *, logs: bool) -> Counter[str]:
    """Delete up to ``ROWS`` rows of locked sessions; the sessions themselves go last.

    Args:
        sessions: Locked, all of them in this transaction.
        logs: Whether the audit and the admin's log about them go, too.

    Returns:
        How many rows went, by table; fewer than ``ROWS`` when all is gone.
    """
    ids = [session.pk for session in sessions]
    counts: Counter[str] = Counter()
    for holding in HOLDINGS:
        gone = _lock(holding.rows(ids), ROWS - counts.total())
        rows = holding.model._default_manager.filter(pk__in=gone)
        counts += _delete(rows)
        if logs and holding is SESSIONS:
            counts += delete_logs(gone)
        if counts.total() >= ROWS:
            break
    return counts


def delete_logs(session_ids: Sequence[UUID]) -> Counter[str]:
    """Delete what the audit and the admin's log tell of sessions; return how much."""
    counts = _delete(_log_entries(session_ids))
    records = delete_records(Q(session_id__in=session_ids))
    return counts + Counter({AuditRecord._meta.db_table: records})


def anonymise_rows(sessions: Sequence[Session]) -> bool:
    """Make up to ``ROWS`` parts of locked sessions nobody's; tell whether all are.

    The caller makes the sessions nobody's in the same transaction.
    """
    ids = [session.pk for session in sessions]
    room = ROWS
    for holding in PARTS:
        found = _lock(holding.rows_to_anonymise(ids), room)
        rows = holding.model._default_manager.filter(pk__in=found)
        if found and holding.blank is None:
            rows.delete()
        elif found:
            rows.update(**holding.blank)  # type: ignore[arg-type] # fields of that model
        room -= len(found)
        if room <= 0:
            return False
    return True


def _lock(rows: QuerySet[Any], limit: int) -> list[Any]:
    """Return the keys of some of the rows, waiting for whoever writes to them.

    A relay that has claimed an event may be adding deliveries of it at this moment.
    """
    locked = rows.select_for_update().order_by("pk")
    return list(locked.values_list("pk", flat=True)[:limit])


def _delete(rows: QuerySet[Any]) -> Counter[str]:
    _total, by_model = rows.delete()
    return Counter(
        {apps.get_model(label)._meta.db_table: n for label, n in by_model.items() if n}
    )


def _log_entries(session_ids: Sequence[UUID]) -> QuerySet[Any]:
    """Return the entries about sessions in the log of the admin, if there is one."""
    if not apps.is_installed("django.contrib.admin"):
        return Session.objects.none()
    from django.contrib.admin.models import LogEntry  # noqa: PLC0415
    from django.contrib.contenttypes.models import ContentType  # noqa: PLC0415

    return LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Session),
        object_id__in=map(str, session_ids),
    )
