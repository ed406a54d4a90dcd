"""The states of a session: in which one it is, and the filter by them."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.models import Session
from django_eliza_sessions.services import clock


class State(models.TextChoices):
    """What a session is at a moment."""

    ACTIVE = "active", _("active")
    NEAR_EXPIRATION = "near_expiration", _("near expiration")
    EXPIRED = "expired", _("expired")
    ENDED = "ended", _("ended")


def state_of(session: Session, now: datetime) -> State:
    """Return the state by the session's own row, whatever a sweep has done."""
    if session.close_reason == Session.CloseReason.ENDED:
        return State.ENDED
    if session.is_expired(now):
        return State.EXPIRED
    if session.is_near_expiration(now):
        return State.NEAR_EXPIRATION
    return State.ACTIVE


class StateFilter(admin.SimpleListFilter):
    """Filters by the domain's words; those near expiration are active, too."""

    title = _("state")
    parameter_name = "state"

    def lookups(
        self,
        request: HttpRequest,
        model_admin: admin.ModelAdmin,  # type: ignore[type-arg] # not generic at runtime
    ) -> list[tuple[str, Any]]:
        """Return the states to choose from."""
        return State.choices

    def queryset(
        self,
        request: HttpRequest,
        queryset: QuerySet[Session],
    ) -> QuerySet[Session]:
        """Return the sessions in the chosen state."""
        now = clock.now()
        sessions = Session.objects.all()
        match self.value():
            case None:
                return queryset
            case State.ACTIVE:
                sessions = sessions.active(now)
            case State.NEAR_EXPIRATION:
                sessions = sessions.near_expiration(now)
            case State.EXPIRED:
                sessions = sessions.expired(now)
            case State.ENDED:
                sessions = sessions.ended()
            case _:
                sessions = sessions.none()
        return queryset & sessions
