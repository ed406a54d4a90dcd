"""Events in the admin: what happened, and what could not be handed out."""

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.admin.cells import badge
from django_eliza_sessions.admin.readonly import SessionPartAdmin
from django_eliza_sessions.models import Event
from django_eliza_sessions.services.relay import retry_events


class RelayState(models.TextChoices):
    """How far the relay has come with an event."""

    PENDING = "pending", _("pending")
    FAILED = "failed", _("failed")
    HANDED_OUT = "done", _("handed out")


def relay_state(event: Event) -> RelayState:
    """Return how far the relay has come."""
    if event.relay_at is not None:
        return RelayState.PENDING
    return RelayState.FAILED if event.error else RelayState.HANDED_OUT


class RelayFilter(admin.SimpleListFilter):
    """Filters by how far the relay has come."""

    title = _("state")
    parameter_name = "relay"

    def lookups(
        self,
        request: HttpRequest,
        model_admin: admin.ModelAdmin,  # type: ignore[type-arg] # not generic at runtime
    ) -> list[tuple[str, Any]]:
        """Return the states to choose from."""
        return RelayState.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """Return the events in the chosen state."""
        match self.value():
            case None:
                return queryset
            case RelayState.FAILED:
                return queryset & Event.objects.dead()
            case RelayState.PENDING:
                return queryset.filter(relay_at__isnull=False)
            case RelayState.HANDED_OUT:
                return queryset & Event.objects.handed_out()
            case _:
                return queryset.none()


@admin.register(Event)
class EventAdmin(SessionPartAdmin):
    """Shows the outbox; what the relay gave up can be handed out again."""

    actions = ("hand_out_again",)
    list_display = (
        "id",
        "session_link",
        "event",
        "state",
        "attempts",
        "short_error",
        "created_at",
    )
    list_filter = (RelayFilter, "kind")
    ordering = ("-created_at", "-id")
    fields = (
        "id",
        "session_page",
        "sequence",
        "kind",
        "created_at",
        "deadline",
        "message_id",
        "reply_id",
        "state",
        "relay_at",
        "attempts",
        "error",
    )
    readonly_fields = ("session_page", "state")

    @admin.action(description=_("Hand out again what failed"), permissions=["operate"])
    def hand_out_again(self, request: HttpRequest, events: QuerySet[Event]) -> None:
        """Have the relay try again those of the events that it gave up."""
        count = retry_events(events)
        self.message_user(
            request,
            _("Handed to the relay: %(count)d.") % {"count": count},
            messages.SUCCESS if count else messages.WARNING,
        )

    @admin.display(description=_("event"))
    def event(self, event: Event) -> str:
        """Return what happened, and its place in the session."""
        return f"{event.sequence}. {event.get_kind_display()}"

    @admin.display(description=_("state"))
    def state(self, event: Event) -> SafeString:
        """Return how far the relay has come, as a badge."""
        return badge(relay_state(event))
