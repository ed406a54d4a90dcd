"""Room for one more session, where there may be only so many for a user."""

from datetime import datetime
from hashlib import sha256
from math import ceil
from uuid import UUID

from django.db import connection

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import RateLimitError
from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import Action, record
from django_eliza_sessions.services.ending import end_locked


def make_room(*, principal: Principal, user_id: UUID) -> None:
    """Have room for one more session; in the transaction that opens it.

    Counts what the caller has open for the user, so that nobody's sessions are ended, or
    refused, on account of a stranger's.

    Raises:
        RateLimitError: There are ``MAX_ACTIVE_SESSIONS_PER_USER`` already, and the
            policy is to reject more.
    """
    maximum = conf.max_active_sessions
    if maximum is None:
        return
    _await_turn(f"{principal.id} {user_id}")
    now = clock.now()
    active = Session.objects.active(now).filter(owner=principal.id, user_id=user_id)
    expiries = dict(active.order_by("created_at", "id").values_list("pk", "expires_at"))
    surplus = list(expiries)[: max(0, len(expiries) + 1 - maximum)]
    if not surplus:
        return
    if conf.max_active_sessions_policy == "reject":
        raise _refusal(maximum, min(expiries.values()), now)
    for session in active.filter(pk__in=surplus).select_for_update(no_key=True):
        end_locked(session, clock.now())
        record(Action.SESSION_ENDED, session_id=session.pk, actor=principal.id)


def _await_turn(name: str) -> None:
    """Let one transaction at a time go on under a name; SQLite has only one anyway."""
    if connection.vendor == "postgresql":
        digest = sha256(f"django_eliza_sessions.open_sessions {name}".encode()).digest()
        key = int.from_bytes(digest[:8], signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def _refusal(maximum: int, free_at: datetime, now: datetime) -> RateLimitError:
    return RateLimitError(
        f"At most {maximum} sessions may be active for one user; "
        "end one of them first, or wait until one expires.",
        counted="active_sessions",
        limit=maximum,
        retry_after=ceil((free_at - now).total_seconds()),
    )
