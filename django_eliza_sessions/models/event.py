"""Events: what happened to a session, written together with the change itself."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.models.session import Session


class Event(models.Model):
    """One fact about a session, numbered without gaps within it."""

    class Kind(models.TextChoices):
        """What can happen to a session."""

        CREATED = "created", _("created")
        WARNED = "warned", _("warned")
        EXPIRED = "expired", _("expired")
        ENDED = "ended", _("ended")

    session = models.ForeignKey(
        Session,
        on_delete=models.CASCADE,
        related_name="events",
        db_index=False,
        verbose_name=_("session"),
    )
    sequence = models.PositiveIntegerField(_("sequence"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    #: The deadline a warning or an expiration is about.
    deadline = models.DateTimeField(_("deadline"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.UniqueConstraint(
                fields=["session", "sequence"], name="eliza_event_in_order"
            ),
            # NULL deadlines are distinct, so only warnings and expirations are bound.
            models.UniqueConstraint(
                fields=["session", "kind", "deadline"], name="eliza_event_once_per_deadline"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} #{self.sequence}: {self.kind}"
