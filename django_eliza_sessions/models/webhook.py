"""Webhooks: who wants to hear of events over HTTP, and what is on its way to them."""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.models.event import Event


class WebhookEndpoint(models.Model):
    """An address that events are posted to.

    Its secret is not stored but derived (``services.endpoints``), so that a copy of the
    database gives nothing away.
    """

    id = models.UUIDField(_("ID"), primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200)
    url = models.CharField(_("URL"), max_length=2000)
    #: Kinds of events; none means all.
    kinds = models.JSONField(_("events"), default=list, blank=True)
    #: Part of what the secret is derived from; a new one makes a new secret.
    secret_version = models.UUIDField(default=uuid.uuid4, editable=False)
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_(
            "What waits for a disabled endpoint is kept as long as the events are; what "
            "happens meanwhile is not sent to it."
        ),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    #: The first failure since the last success.
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True)
    #: When it was disabled because it had failed for too long.
    disabled_at = models.DateTimeField(_("disabled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")

    def __str__(self) -> str:
        return self.name

    def wants(self, kind: str) -> bool:
        """Tell whether events of a kind are to be sent to it."""
        return not self.kinds or kind in self.kinds


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    """Deliveries in the words of the domain."""

    def due(self, now: datetime) -> Self:
        """Those that may be sent by now, the longest overdue first."""
        due = self.filter(due_at__lte=now, endpoint__enabled=True)
        return due.order_by("due_at", "pk")

    def in_turn(self) -> Self:
        """Unfinished ones that are the next of their session for their endpoint.

        And none can turn up before them: no earlier event is unclaimed.
        """
        unfinished = WebhookDelivery.objects.filter(
            due_at__isnull=False,
            endpoint=OuterRef("endpoint"),
            session_id=OuterRef("session_id"),
        )
        unclaimed = Event.objects.unclaimed().filter(
            session=OuterRef("session_id"), sequence__lt=OuterRef("sequence")
        )
        # Look-ups per row, by an index. "No earlier one exists" would become a join,
        # which with statistics from before a rush is a slow one.
        first = unfinished.order_by("sequence").values("sequence")[:1]
        in_order = self.filter(sequence=Subquery(first))
        earlier = Subquery(unclaimed.values("pk")[:1])
        return in_order.alias(unclaimed=earlier).filter(unclaimed__isnull=True)

    def under_way(self, now: datetime) -> Self:
        """Those that somebody is sending."""
        return self.filter(status=WebhookDelivery.Status.SENDING, due_at__gt=now)


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint; goes when its event goes."""

    class Status(models.TextChoices):
        """Where a delivery stands."""

        PENDING = "pending", _("pending")
        SENDING = "sending", _("sending")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("skipped")

    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.CASCADE,
        related_name="deliveries",
        verbose_name=_("endpoint"),
    )
    event = models.ForeignKey(
        Event,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_index=False,
        verbose_name=_("event"),
    )
    #: The event's, for the order within a session.
    session_id = models.UUIDField(_("session ID"))
    sequence = models.PositiveIntegerField(_("sequence"))
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.PENDING
    )
    #: When somebody may send it, which while it is being sent is the end of the lease;
    #: ``None`` once it arrived, failed for good or was skipped.
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    #: Why it did not arrive the last time.
    error = models.TextField(_("error"), blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints = [
            models.UniqueConstraint(
                fields=["event", "endpoint"], name="eliza_delivery_once_per_endpoint"
            )
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "due_at"],
                condition=Q(due_at__isnull=False),
                name="eliza_delivery_due",
            ),
            models.Index(
                fields=["endpoint", "session_id", "sequence"],
                condition=Q(due_at__isnull=False),
                name="eliza_delivery_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} #{self.sequence}"
