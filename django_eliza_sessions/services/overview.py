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
from django_eliza_sessions.models.neglect import is_anything_neglected
from django_eliza_sessions.models.rows import fetch_query
from django_eliza_sessions.models.session import SessionQuerySet
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.counts import count_all_open, count_closed, count_open
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

    active: int
    expired: int
    ended: int

    @property
    def all(self) -> int:
        """How many there are in any state."""
        return self.active + self.expired + self.ended


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
    sessions = visible
    if agent_id is not None:
        sessions = sessions.filter(agent_id=agent_id)
    if user_id is not None:
        sessions = sessions.filter(user_id=user_id)
    counts = matching = _count(visible, now)
    if sessions is not visible:
        matching = _count(sessions, now)
    if after is not None:
        created_at, session_id = after
        # Stated twice, because the plain bound is what an index scan can start from.
        sessions = sessions.filter(created_at__lte=created_at).filter(
            Q(created_at__lt=created_at) | Q(id__lt=session_id)
        )
    found = _newest(_parts(sessions, state, now), limit + 1)
    page = found[:limit]
    return SessionPage(
        sessions=page,
        total=getattr(matching, state.value),
        counts=counts,
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
    opened, closed = count_open(sessions, now), count_closed(sessions)
    return SessionCounts(
        active=opened.active, expired=opened.overdue + closed.expired, ended=closed.ended
    )


def _parts(sessions: SessionQuerySet, state: State, now: datetime) -> list[SessionQuerySet]:
    """Return those in a state, in parts that an index has in order, or that are few.

    Each before those that its sessions may come to be in, so that none is missed.
    """
    match state:
        case State.ACTIVE:
            return [sessions.active(now)]
        case State.EXPIRED:
            return [sessions.overdue(now), sessions.found_expired()]
        case State.ENDED:
            return [sessions.ended()]
        case State.ALL:
            return [sessions.open(), sessions.found_expired(), sessions.ended()]


def _newest(parts: list[SessionQuerySet], limit: int) -> list[Session]:
    found: list[Session] = []
    for part in parts:
        newer = part
        if len(found) == limit:
            newer = part.filter(created_at__gte=found[-1].created_at)
        merged = {s.id: s for s in (*found, *fetch_query(newer.newest_first()[:limit]))}
        in_order = sorted(merged.values(), key=lambda s: (s.created_at, s.id), reverse=True)
        found = in_order[:limit]
    return found


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

    It is unhealthy when the database does not answer, and degraded when something has
    waited for three sweep intervals: a deadline or an event; or a reply, which is also
    given the time it takes to be handed out again.
    """
    now = clock.now()
    uptime = clock.uptime()
    since = now - timedelta(seconds=3 * conf.sweep_interval_seconds)
    try:
        neglected = is_anything_neglected(since, since - DISPATCH_GRACE)
        counts = count_all_open(now)
    except Error:
        return Health(status=Status.UNHEALTHY, active=0, expiring_soon=0, uptime=uptime)
    return Health(
        status=Status.DEGRADED if neglected else Status.HEALTHY,
        active=counts.active,
        expiring_soon=counts.expiring,
        uptime=uptime,
    )
