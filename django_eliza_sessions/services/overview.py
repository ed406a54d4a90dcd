"""Looking at all sessions at once: the list for administrators, and health."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db import Error
from django.db.models import Q

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import PermissionDeniedError
from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock


class State(StrEnum):
    """Which sessions a list shows."""

    ACTIVE = "active"
    EXPIRED = "expired"
    ENDED = "ended"
    ALL = "all"


#: The place of a session in a list: when it was created, and its id.
Place = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCounts:
    """How many sessions are stored, whatever a list filters."""

    total: int
    active: int
    expired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """A part of the list of sessions, newest first.

    Attributes:
        total: How many sessions the filters match.
        next_place: Where the next page starts; ``None`` on the last.
    """

    sessions: list[Session]
    total: int
    counts: SessionCounts
    next_place: Place | None


def list_sessions(
    *,
    principal: Principal,
    limit: int,
    state: State = State.ACTIVE,
    agent_id: UUID | None = None,
    user_id: UUID | None = None,
    after: Place | None = None,
) -> SessionPage:
    """Return a page of everybody's sessions.

    Args:
        limit: How many sessions at most.
        state: Which ones.
        agent_id: Only this agent's.
        user_id: Only this user's.
        after: The ``next_place`` of the page before.

    Raises:
        PermissionDeniedError: The caller is no administrator.
    """
    check_administrator(principal)
    now = clock.now()
    sessions = {
        State.ACTIVE: Session.objects.active(now),
        State.EXPIRED: Session.objects.expired(now),
        State.ENDED: Session.objects.ended(),
        State.ALL: Session.objects.all(),
    }[state]
    if agent_id is not None:
        sessions = sessions.filter(agent_id=agent_id)
    if user_id is not None:
        sessions = sessions.filter(user_id=user_id)
    total = sessions.count()
    if after is not None:
        created_at, session_id = after
        # Stated twice, because the plain bound is what an index scan can start from.
        sessions = sessions.filter(created_at__lte=created_at).filter(
            Q(created_at__lt=created_at) | Q(id__lt=session_id)
        )
    found = list(sessions.newest_first()[: limit + 1])
    page = found[:limit]
    return SessionPage(
        sessions=page,
        total=total,
        counts=_count(now),
        next_place=(page[-1].created_at, page[-1].pk) if len(found) > limit else None,
    )


def check_administrator(principal: Principal) -> None:
    """Refuse everybody else.

    Raises:
        PermissionDeniedError: The caller is no administrator.
    """
    if not principal.is_admin:
        raise PermissionDeniedError("Only administrators may list sessions.")


def _count(now: datetime) -> SessionCounts:
    return SessionCounts(
        total=Session.objects.count(),
        active=Session.objects.active(now).count(),
        expired=Session.objects.expired(now).count(),
    )


class Status(StrEnum):
    """How the service is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the service is, and how much it holds.

    Attributes:
        uptime: Seconds since this process started.
    """

    status: Status
    active: int
    expiring_soon: int
    uptime: float


def check_health() -> Health:
    """Say how the service is; never raises.

    It is unhealthy when the database does not answer, and degraded when a deadline has
    been waiting for three sweep intervals: then no sweep runs.
    """
    now = clock.now()
    uptime = clock.uptime()
    overdue_at = now - timedelta(seconds=3 * conf.sweep_interval_seconds)
    try:
        overdue = Session.objects.due(overdue_at).exists()
        return Health(
            status=Status.DEGRADED if overdue else Status.HEALTHY,
            active=Session.objects.active(now).count(),
            expiring_soon=Session.objects.near_expiration(now).count(),
            uptime=uptime,
        )
    except Error:
        return Health(status=Status.UNHEALTHY, active=0, expiring_soon=0, uptime=uptime)
