"""Agents: who can be talked to, and who answers for them."""

import uuid
from collections.abc import Mapping

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

#: The timeouts that somebody sets; ``None`` inherits.
Timeouts = Mapping[str, int | bool | None]
#: A hundred years, so that every cutoff is a date.
MAX_RETENTION_DAYS = 36_500


class Agent(models.Model):
    """A conversation partner, answered for by one of the configured backends."""

    class WhenBusy(models.TextChoices):
        """What a message does that comes while a reply is under way."""

        ENQUEUE = "enqueue", _("wait for its turn")
        REJECT = "reject", _("be refused")
        INTERRUPT = "interrupt", _("cancel the reply")

    class RetentionAction(models.TextChoices):
        """What becomes of a session that has been over for long enough."""

        DELETE = "delete", _("delete it")
        ANONYMISE = "anonymise", _("keep its numbers only")

    id = models.UUIDField(_("ID"), primary_key=True, default=uuid.uuid4)
    name = models.CharField(_("name"), max_length=200)
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_("A disabled agent takes neither new sessions nor new messages."),
    )
    backend = models.CharField(
        _("backend"),
        max_length=100,
        default="default",
        help_text=_("An alias from the BACKENDS setting."),
    )
    backend_options = models.JSONField(
        _("backend options"),
        default=dict,
        blank=True,
        help_text=_("An object that the backend gets with every message."),
    )
    when_busy = models.CharField(
        _("when busy"),
        max_length=10,
        choices=WhenBusy.choices,
        default=WhenBusy.ENQUEUE,
        help_text=_("What a message does that comes while a reply is under way."),
    )
    timeout_minutes = models.PositiveIntegerField(
        _("timeout in minutes"), null=True, blank=True, help_text=_("Empty: inherit.")
    )
    auto_renew = models.BooleanField(_("renew on activity"), null=True, blank=True)
    max_duration_minutes = models.PositiveIntegerField(
        _("maximum duration in minutes"),
        null=True,
        blank=True,
        help_text=_("Empty: inherit."),
    )
    warning_threshold_minutes = models.PositiveIntegerField(
        _("warning threshold in minutes"),
        null=True,
        blank=True,
        help_text=_("Empty: inherit."),
    )
    retention_days = models.PositiveIntegerField(
        _("retention in days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RETENTION_DAYS)],
        help_text=_("How long a session is kept once it is over. Empty: inherit."),
    )
    retention_action = models.CharField(
        _("what retention does"),
        max_length=10,
        choices=RetentionAction.choices,
        blank=True,
        default="",
        db_default="",
        help_text=_("To a session that was kept for so long. Empty: inherit."),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("agent")
        verbose_name_plural = _("agents")

    def __str__(self) -> str:
        return f"{self.name} ({self.pk})"

    @property
    def timeout_overrides(self) -> Timeouts:
        """This agent's own timeout values."""
        return {
            "timeout_minutes": self.timeout_minutes,
            "auto_renew": self.auto_renew,
            "max_duration_minutes": self.max_duration_minutes,
            "warning_threshold_minutes": self.warning_threshold_minutes,
        }
