"""The audit: what is recorded of who did what, in the transaction of the deed itself.

Messages, heartbeats and what sessions do on their own are not recorded: their rows tell
it. The one exception is a session's end by the clock, so that its records are complete.
"""

from collections.abc import Iterable
from typing import cast
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from django_eliza_sessions.models import AuditRecord, Session
from django_eliza_sessions.models.rows import insert_rows
from django_eliza_sessions.origin import current_origin
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock

Action = AuditRecord.Action
#: Records per statement, so that it stays below every database's limits.
BATCH = 200


def new_record(
    action: Action,
    *,
    session_id: UUID | F | None = None,
    actor: str | None = None,
    **details: object,
) -> AuditRecord:
    """Return a record that something is done, to be stored together with it.

    Args:
        action: What.
        session_id: To which session, if it is about one; ``F`` for each of many.
        actor: The principal's id; else whoever the door says is there.
        details: Whatever else tells what was done, ready for JSON; never content.
    """
    origin = current_origin()
    return AuditRecord(
        at=clock.now(),
        actor=actor or origin.actor,
        door=origin.door,
        action=action,
        session_id=cast("UUID | None", session_id),
        request_id=origin.request_id,
        details=details,
    )


def record(
    action: Action,
    *,
    session_id: UUID | None = None,
    actor: str | None = None,
    **details: object,
) -> None:
    """Record that something is done; takes what ``new_record`` takes."""
    insert_rows([new_record(action, session_id=session_id, actor=actor, **details)])


def record_each(
    action: Action,
    session_ids: Iterable[UUID | None],
    *,
    actor: str | None = None,
    **details: object,
) -> None:
    """Record the same of many sessions."""
    now = clock.now()
    records = [
        new_record(action, session_id=session_id, actor=actor, **details)
        for session_id in session_ids
    ]
    for each in records:
        each.at = now
    for start in range(0, len(records), BATCH):
        insert_rows(records[start : start + BATCH])


def record_reading(caller: Principal, session: Session) -> None:
    """Record that somebody reads what is said in a session of somebody else."""
    if caller.id != session.owner:
        record(Action.TRANSCRIPT_READ, session_id=session.pk, actor=caller.id)


def delete_records(which: Q) -> int:
    """Delete records; the only way, for retention and for forgetting somebody.

    In bounded batches, each in a transaction that says to PostgreSQL, which refuses
    otherwise, that it means it.

    Returns:
        How many there were.
    """
    count = 0
    while deleted := _delete_batch(which):
        count += deleted
    return count


@transaction.atomic
def _delete_batch(which: Q) -> int:
    ids = list(AuditRecord.objects.filter(which).values_list("pk", flat=True)[:BATCH])
    _mean_it("on")
    # Not by the manager, whose records cannot be deleted.
    QuerySet(AuditRecord).filter(pk__in=ids).delete()
    _mean_it("off")
    return len(ids)


def _mean_it(state: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Local to the transaction, which may be the caller's: so it is set back.
            cursor.execute(f"SET LOCAL eliza_sessions.audit_deletion = '{state}'")
