"""Events: what happened to a session, written together with the change itself.

They are the outbox: a relay hands each of them out at least once, and whoever follows
a session reads them in its order, from wherever it stopped.
"""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.models.session import Session


class EventQuerySet(models.QuerySet["Event"]):
    """Events in the words of the domain."""

    def due(self, now: datetime) -> Self:
        """Those a relay has to hand out."""
        return self.filter(relay_at__lte=now)

    def unclaimed(self) -> Self:
        """Those that no relay has looked at yet; a claim moves ``relay_at`` on."""
        return self.filter(relay_at=F("created_at"))

    def dead(self) -> Self:
        """Those the relay gave up on."""
        return self.filter(relay_at=None).exclude(error="")

    def handed_out(self) -> Self:
        """Those that every receiver took."""
        return self.filter(relay_at=None, error="")

    def past(self, cutoff: datetime) -> Self:
        """Those handed out, and over since before the cutoff.

        A warning counts from its deadline: as long as that may come, it says that the
        warning was given.
        """
        settled = Q(deadline=None) | Q(deadline__lt=cutoff)
        return self.handed_out().filter(settled, created_at__lt=cutoff)


class Event(models.Model):
    """One fact about a session, numbered without gaps within it."""

    class Kind(models.TextChoices):
        """What can happen to a session."""

        CREATED = "created", _("created")
        WARNED = "warned", _("warned")
        EXPIRED = "expired", _("expired")
        ENDED = "ended", _("ended")
        MESSAGE = "message", _("message")
        REPLY_COMPLETE = "reply_complete", _("reply complete")
        REPLY_FAILED = "reply_failed", _("reply failed")
        REPLY_CANCELLED = "reply_cancelled", _("reply cancelled")

    session = models.ForeignKey(
        Session,
        on_delete=models.CASCADE,
        related_name="events",
        db_index=False,
        verbose_name=_("session"),
    )
    sequence = models.IntegerField(_("sequence"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    #: The deadline a warning or an expiration is about.
    deadline = models.DateTimeField(_("deadline"), null=True, blank=True)
    #: The message that was stored, or the reply that ended with its answer, if any. No
    #: foreign keys: they would cost indexes, for rows that only go with their session.
    message_id = models.UUIDField(_("message ID"), null=True, blank=True)
    reply_id = models.UUIDField(_("reply ID"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"))
    #: When a relay may hand it out; ``None`` once it did, or gave up.
    relay_at = models.DateTimeField(_("relay at"), null=True, blank=True)
    attempts = models.IntegerField(_("failed attempts"), default=0)
    #: Why it could not be handed out the last time.
    error = models.TextField(_("error"), blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.UniqueConstraint(
                fields=["session", "sequence"], name="eliza_event_in_order"
            ),
            # Only warnings and expirations have one; others need no place in this index.
            models.UniqueConstraint(
                fields=["session", "kind", "deadline"],
                condition=Q(deadline__isnull=False),
                name="eliza_event_once_per_deadline",
            ),
        ]
        indexes = [
            models.Index(
                fields=["relay_at"],
                condition=Q(relay_at__isnull=False),
                name="eliza_event_due",
            ),
            models.Index(
                fields=["created_at"],
                condition=~Q(error=""),
                name="eliza_event_troubled",
            ),
            models.Index(fields=["created_at"], name="eliza_event_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} #{self.sequence}: {self.kind}"

    @property
    def is_unclaimed(self) -> bool:
        """Whether no relay has looked at it yet."""
        return self.relay_at == self.created_at
