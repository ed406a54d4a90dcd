"""Exporting everything that is held of a user."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Q

from django_eliza_sessions.exceptions import PermissionDeniedError
from django_eliza_sessions.models import Reply, Session
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services.audit import Action, record
from django_eliza_sessions.services.replies import text_so_far
from django_eliza_sessions.services.tombstones import digests_of
from django_eliza_sessions.services.userdata import PARTS, SESSIONS, Holding
from django_eliza_sessions.wire import camel, timestamp

#: Sessions told in one go, with a handful of queries.
SESSIONS_AT_ONCE = 50
#: Rows held in memory at a time.
ROWS_AT_ONCE = 500


def export_user(*, principal: Principal, user_id: UUID) -> Iterator[dict[str, Any]]:
    """Return everything that is held of a user, row by row, in constant memory.

    Each is an object with a ``type``, such as ``session`` or ``message``; fifty sessions
    and what belongs to them come together, the oldest first.

    Raises:
        PermissionDeniedError: The caller is no administrator over all agents.
    """
    check_operator(principal=principal)
    # The digest, so that the record says of whom to nobody who does not know already.
    record(Action.USER_EXPORTED, actor=principal.id, user=digests_of(user_id)[0])
    return records_of(Session.objects.of_user(user_id))


def check_operator(*, principal: Principal) -> None:
    """Refuse whoever may not see everything of a user.

    Raises:
        PermissionDeniedError: The caller is no administrator over all agents.
    """
    if not principal.is_admin or principal.agent_ids is not None:
        raise PermissionDeniedError("This takes an administrator over all agents.")


def line_of(record: dict[str, Any]) -> str:
    """Return an object of an export as its line: compact JSON in ASCII, and a newline."""
    return json.dumps(record, separators=(",", ":")) + "\n"


def records_of(sessions: SessionQuerySet) -> Iterator[dict[str, Any]]:
    """Return sessions and all that belongs to them as an export tells them."""
    for page in _pages(sessions):
        ids = [session.pk for session in page]
        for session in page:
            yield _record(SESSIONS, session)
        for holding in reversed(PARTS):
            if holding.name:
                rows = holding.rows(ids).order_by(*holding.order)
                for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
                    yield _record(holding, row)


def _pages(sessions: SessionQuerySet) -> Iterator[list[Session]]:
    in_order = sessions.order_by("created_at", "id")
    rest = in_order
    while page := list(rest[:SESSIONS_AT_ONCE]):
        yield page
        last = page[-1]
        # Stated twice, because the plain bound is what an index scan can start from.
        rest = in_order.filter(created_at__gte=last.created_at).filter(
            Q(created_at__gt=last.created_at) | Q(id__gt=last.pk)
        )


def _record(holding: Holding, row: models.Model) -> dict[str, Any]:
    record = {"type": holding.name} | {
        camel(field.attname): _value(getattr(row, field.attname))
        for field in row._meta.concrete_fields
        if field.name not in holding.left_out
    }
    if isinstance(row, Reply) and not row.is_finished:
        record["text"] = text_so_far(row)
    return record


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return timestamp(value)
    return str(value) if isinstance(value, UUID) else value
