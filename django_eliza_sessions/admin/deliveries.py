"""Deliveries in the admin: which webhooks arrived, and why others did not."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.admin.cells import StatusFilter, status_badge
from django_eliza_sessions.admin.readonly import SessionPartAdmin
from django_eliza_sessions.models import WebhookDelivery
from django_eliza_sessions.services.deliveries import send_again


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(SessionPartAdmin):
    """Shows deliveries; they go when their events go."""

    actions = ("send_again",)
    list_display = (
        "id",
        "endpoint",
        "session_link",
        "kind",
        status_badge,
        "attempts",
        "short_error",
        "due_at",
    )
    list_filter = (("status", StatusFilter), "endpoint")
    list_select_related = ("endpoint", "event")
    session_lookup = "event__session"  # By an index.
    ordering = ("-id",)
    fields = (
        "id",
        "endpoint",
        "session_page",
        "kind",
        "status",
        "attempts",
        "error",
        "due_at",
        "delivered_at",
    )
    readonly_fields = ("session_page", "kind")

    @admin.action(description=_("Send again"), permissions=["operate"])
    def send_again(
        self, request: HttpRequest, deliveries: QuerySet[WebhookDelivery]
    ) -> None:
        """Have deliveries sent again, whether they arrived or not."""
        count = send_again(deliveries)
        self.message_user(
            request, _("To be sent again: %(count)d.") % {"count": count}, messages.SUCCESS
        )

    @admin.display(description=_("event"))
    def kind(self, delivery: WebhookDelivery) -> str:
        """Return what happened, and its place in the session."""
        return f"{delivery.sequence}. {delivery.event.get_kind_display()}"
