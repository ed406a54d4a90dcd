"""Looking at all sessions at once: the list for administrators, and health."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db import Error
from django.db.models import Q

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import PermissionDeniedError
from django_eliza_sessions.models import Event, Reply, Session
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.replies import DISPATCH_GRACE


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
    """How many sessions a list could show, whatever it filters."""

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
    mine: bool = False,
    after: Place | None = None,
) -> SessionPage:
    """Return a page of everybody's sessions, or of the caller's own.

    Args:
        limit: How many sessions at most.
        state: Which ones.
        agent_id: Only this agent's.
        user_id: Only this user's.
        mine: Only the caller's, which everybody may list.
        after: The ``next_place`` of the page before.

    Raises:
        PermissionDeniedError: Everybody's were asked for, by no administrator.
    """
    if not mine:
        check_administrator(principal)
    now = clock.now()
    visible = Session.objects.visible_to(principal)
    if mine:
        visible = visible.filter(owner=principal.id)
    sessions = {
        State.ACTIVE: visible.active(now),
        State.EXPIRED: visible.expired(now),
        State.ENDED: visible.ended(),
        State.ALL: visible,
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
        counts=_count(visible, now),
        next_place=(page[-1].created_at, page[-1].pk) if len(found) > limit else None,
    )


def check_administrator(principal: Principal) -> None:
    """Refuse everybody else.

    Raises:
        PermissionDeniedError: The caller is no administrator.
    """
    if not principal.is_admin:
        raise PermissionDeniedError(
            "Only administrators may list everybody's sessions; ?mine=true lists your own."
        )


def _count(sessions: SessionQuerySet, now: datetime) -> SessionCounts:
    return SessionCounts(
        total=sessions.count(),
        active=sessions.active(now).count(),
        expired=sessions.expired(now).count(),
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

    It is unhealthy when the database does not answer, and degraded when nobody does what
    is due: see ``_is_neglected``.
    """
    now = clock.now()
    uptime = clock.uptime()
    try:
        neglected = _is_neglected(now)
        return Health(
            status=Status.DEGRADED if neglected else Status.HEALTHY,
            active=Session.objects.active(now).count(),
            expiring_soon=Session.objects.near_expiration(now).count(),
            uptime=uptime,
        )
    except Error:
        return Health(status=Status.UNHEALTHY, active=0, expiring_soon=0, uptime=uptime)


def _is_neglected(now: datetime) -> bool:
    """Tell whether something has waited for three sweep intervals.

    That is a deadline or an event; or a reply, which is also given the time it takes to
    be handed out again.
    """
    since = now - timedelta(seconds=3 * conf.sweep_interval_seconds)
    return (
        Session.objects.due(since).exists()
        or Event.objects.due(since).exists()
        or Reply.objects.neglected(since - DISPATCH_GRACE).exists()
    )
