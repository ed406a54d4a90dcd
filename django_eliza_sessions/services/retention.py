"""Retention: what becomes of sessions that have been over for long enough."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from django_eliza_sessions.conf import conf
from django_eliza_sessions.models import Agent, Session
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import Action, delete_records, record_each
from django_eliza_sessions.services.userdata import (
    SESSIONS,
    anonymise_rows,
    delete_rows,
)

#: Sessions per transaction, of whose rows it takes ``userdata.ROWS`` at most.
BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Policy:
    """What happens to sessions of some agents, and which of them it is time for."""

    action: str
    sessions: SessionQuerySet


def apply_retention() -> int:
    """Delete or anonymise the sessions that were kept for long enough.

    In batches, each a transaction of its own; what is cut short goes on the next time.
    Sessions under a legal hold are left alone, and those that somebody else has locked.

    Returns:
        How many sessions it was.
    """
    count = 0
    now = clock.now()
    for policy in _policies(now):
        while (done := _apply(policy, now)) is not None:
            count += done
    return count


def _policies(now: datetime) -> Iterator[_Policy]:
    """Return what agents say or inherit; as many as there are different ones."""
    own = Agent.objects.order_by().values_list("retention_days", "retention_action")
    for days, action in own.distinct():
        kept_for = days or conf.retention_days
        if kept_for is not None:
            agents = Agent.objects.filter(retention_days=days, retention_action=action)
            outlived = Session.objects.outlived(now - timedelta(days=kept_for))
            yield _Policy(
                action=action or conf.retention_action,
                sessions=outlived.filter(agent__in=agents),
            )


@transaction.atomic
def _apply(policy: _Policy, now: datetime) -> int | None:
    """Deal with some rows; return how many sessions are done, ``None`` without any left."""
    locked = policy.sessions.select_for_update(skip_locked=True, no_key=True)
    sessions = list(locked[:BATCH])
    if not sessions:
        return None
    ids = [session.pk for session in sessions]
    if policy.action == Agent.RetentionAction.DELETE:
        count = delete_rows(sessions, logs=False)[Session._meta.db_table]
        record_each(Action.SESSION_PURGED, ids[:count], actor=SYSTEM.id)
        return count
    if not anonymise_rows(sessions):
        return 0
    # Who opened and used them was somebody.
    delete_records(Q(session_id__in=ids))
    record_each(Action.SESSION_ANONYMISED, ids, actor=SYSTEM.id)
    nobodys = dict(SESSIONS.blank or {})
    return Session.objects.filter(pk__in=ids).update(anonymised_at=now, **nobodys)
