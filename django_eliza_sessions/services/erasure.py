"""Erasing everything of a user, for good, with a receipt.

First the tombstone is written, so that nothing new of the user can come up; then what is
open is ended, so that nothing can be added; then rows go, in batches. Whatever is cut
short is taken up again by the next sweep, or by whoever asks again.
"""

import hashlib
import logging
from collections import Counter
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from django_eliza_sessions.models import AuditRecord, Erasure, Session
from django_eliza_sessions.models.opening import await_openings
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import Action, record
from django_eliza_sessions.services.dispatch import dispatch_job
from django_eliza_sessions.services.ending import end_sessions
from django_eliza_sessions.services.endpoints import forget_errors
from django_eliza_sessions.services.export import check_operator, line_of, records_of
from django_eliza_sessions.services.tombstones import digests_of
from django_eliza_sessions.services.userdata import HOLDINGS, delete_logs, delete_rows
from django_eliza_sessions.wire import timestamp

logger = logging.getLogger(__name__)

#: Sessions whose rows go in one transaction, ``userdata.ROWS`` of them at most.
BATCH = 200


def erase_user(*, principal: Principal, user_id: UUID) -> Erasure:
    """Erase everything of a user now, and return the receipt.

    Call it outside a transaction. Cut short, it goes on where it stopped when it is
    called again. Sessions under a legal hold are ended, but kept.

    Raises:
        PermissionDeniedError: The caller is no administrator over all agents.
    """
    erasure = _open(principal, user_id)
    _carry_out(erasure)
    erasure.refresh_from_db()
    return erasure


def request_erasure(*, principal: Principal, user_id: UUID) -> Erasure:
    """Have everything of a user erased by a job, and return the receipt, yet to be filled.

    Raises:
        PermissionDeniedError: The caller is no administrator over all agents.
    """
    erasure = _open(principal, user_id)
    transaction.on_commit(partial(dispatch_job, "erase_users"))
    return erasure


def count_rows(*, principal: Principal, user_id: UUID) -> dict[str, int]:
    """Return how many rows of a user there are, by table; without those held.

    Raises:
        PermissionDeniedError: The caller is no administrator over all agents.
    """
    check_operator(principal=principal)
    sessions = _erasable(user_id).values("pk")
    counts = {h.model._meta.db_table: h.rows(sessions).count() for h in HOLDINGS}
    return {table: count for table, count in counts.items() if count}


def count_held(user_id: UUID) -> int:
    """Return how many sessions of a user a legal hold keeps."""
    return Session.objects.of_user(user_id).filter(legal_hold=True).count()


def erase_users() -> int:
    """Carry out the erasures that are under way; return how many were finished."""
    count = 0
    for erasure in Erasure.objects.filter(finished_at=None).order_by("pk"):
        try:
            _carry_out(erasure)
            count += 1
        except Exception:
            # The others must not wait for it.
            logger.exception("%s failed; a sweep will try again", erasure)
    return count


def receipt_of(erasure: Erasure) -> dict[str, Any]:
    """Return a receipt, ready for JSON."""
    finished_at = erasure.finished_at
    return {
        "erasure": erasure.pk,
        "requestedBy": erasure.requested_by,
        "requestedAt": timestamp(erasure.requested_at),
        "finishedAt": None if finished_at is None else timestamp(finished_at),
        "rows": erasure.rows,
        "sha256": erasure.digest,
        "sessionsHeld": erasure.sessions_held,
        "tombstone": erasure.user_digest,
    }


def _open(principal: Principal, user_id: UUID) -> Erasure:
    """Return the erasure under way; else what came of the last, or a new one."""
    check_operator(principal=principal)
    digests = digests_of(user_id)
    earlier = Erasure.objects.filter(user_digest__in=digests).order_by("-pk")
    last = earlier.first()
    if last is not None and (last.finished_at is None or not _erasable(user_id).exists()):
        return last
    try:
        with transaction.atomic():
            erasure = Erasure.objects.create(
                user_digest=digests[0],
                user_id=user_id,
                requested_by=principal.id,
                requested_at=clock.now(),
            )
            record(Action.USER_ERASED, actor=principal.id, erasure=erasure.pk)
            return erasure
    except IntegrityError:
        # Somebody else began at the same moment.
        return earlier.all()[0]


def _carry_out(erasure: Erasure) -> None:
    user_id = erasure.user_id
    if user_id is None:
        return
    # After this the tombstone keeps out whoever comes.
    await_openings()
    end_sessions(
        lambda _now: Session.objects.of_user(user_id).open(), actor=erasure.requested_by
    )
    if not erasure.digest:
        digest = _digest(_erasable(user_id))
        # Of two at the same moment, the first counts: the other may begin to delete.
        Erasure.objects.filter(pk=erasure.pk, digest="").update(digest=digest)
    while _erase_batch(erasure.pk):
        pass


def _erasable(user_id: UUID) -> SessionQuerySet:
    return Session.objects.of_user(user_id).unheld()


def _digest(sessions: SessionQuerySet) -> str:
    digest = hashlib.sha256()
    for told in records_of(sessions):
        digest.update(line_of(told).encode())
    return digest.hexdigest()


@transaction.atomic
def _erase_batch(erasure_id: int) -> bool:
    """Delete some rows and note how many; tell whether there may be more."""
    # The receipt's lock makes those take turns who work on the same one.
    erasure = Erasure.objects.select_for_update(no_key=True).get(pk=erasure_id)
    if erasure.user_id is None:
        return False
    sessions = _erasable(erasure.user_id).order_by("pk").select_for_update()[:BATCH]
    if locked := list(sessions):
        counts = delete_rows(locked, logs=True)
        erasure.rows = dict(Counter(erasure.rows) + counts)
        erasure.save(update_fields=["rows"])
        return True
    counts = delete_logs(_purged(erasure.user_id))
    erasure.rows = dict(Counter(erasure.rows) + counts)
    # An endpoint's answer may quote what it was sent.
    forget_errors()
    erasure.sessions_held = count_held(erasure.user_id)
    erasure.finished_at, erasure.user_id = clock.now(), None
    erasure.save(update_fields=["rows", "sessions_held", "finished_at", "user_id"])
    return False


def _purged(user_id: UUID) -> list[UUID]:
    """Return the sessions of a user that are only in the audit any more."""
    created = AuditRecord.objects.filter(
        action=Action.SESSION_CREATED, details__user__in=digests_of(user_id)
    )
    there = Session.objects.of_user(user_id).values("pk")
    ids = created.exclude(session_id__in=there).values_list("session_id", flat=True)
    return [session_id for session_id in ids if session_id is not None]
