"""Sessions: one conversation between a user and an agent, with its deadlines."""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.models.agent import Agent
from django_eliza_sessions.models.fields import VerbatimJSONField
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.timeouts import (
    TimeoutConfig,
    is_near_expiration,
    milliseconds_between,
)


class SessionQuerySet(models.QuerySet["Session"]):
    """Sessions in the words of the domain; each word takes the present moment."""

    def for_principal(self, principal: Principal) -> Self:
        """Those the caller may see: their own, or all for an administrator."""
        return self if principal.is_admin else self.filter(owner=principal.id)

    def not_ended(self) -> Self:
        """Those that still answer, if only to say that they have expired."""
        return self.exclude(close_reason=Session.CloseReason.ENDED)

    def active(self, now: datetime) -> Self:
        """Those that can be used."""
        return self.filter(closed_at=None, expires_at__gt=now)

    def near_expiration(self, now: datetime) -> Self:
        """The active ones that have come within their warning threshold."""
        return self.active(now).filter(warns_at__lte=now)

    def expired(self, now: datetime) -> Self:
        """Those whose deadline has passed, found by a sweep yet or not."""
        return self.filter(
            Q(close_reason=Session.CloseReason.EXPIRED)
            | Q(closed_at=None, expires_at__lte=now)
        )

    def ended(self) -> Self:
        """Those ended on purpose."""
        return self.filter(close_reason=Session.CloseReason.ENDED)

    def closed_before(self, cutoff: datetime) -> Self:
        """Those that have been over since before the cutoff."""
        return self.filter(closed_at__lt=cutoff)

    def due(self, now: datetime) -> Self:
        """Those a sweep has to look at, the longest overdue first."""
        return self.filter(sweep_at__lte=now).order_by("sweep_at")

    def newest_first(self) -> Self:
        """In the order of lists."""
        return self.order_by("-created_at", "-id")


class Session(models.Model):
    """A conversation with deadlines. Changed by services only, under the row's lock."""

    class CloseReason(models.TextChoices):
        """Why a session is over."""

        EXPIRED = "expired", _("expired")
        ENDED = "ended", _("ended")

    id = models.UUIDField(_("ID"), primary_key=True, default=uuid.uuid4)
    agent = models.ForeignKey(
        Agent,
        on_delete=models.PROTECT,
        related_name="sessions",
        db_index=False,
        verbose_name=_("agent"),
    )
    user_id = models.UUIDField(_("user ID"))
    #: The id of the principal that created the session.
    owner = models.CharField(_("owner"), max_length=255)
    metadata = VerbatimJSONField(_("metadata"), default=dict)

    timeout_minutes = models.PositiveIntegerField(_("timeout in minutes"))
    auto_renew = models.BooleanField(_("renew on activity"))
    max_duration_minutes = models.PositiveIntegerField(_("maximum duration in minutes"))
    warning_threshold_minutes = models.PositiveIntegerField(
        _("warning threshold in minutes")
    )

    created_at = models.DateTimeField(_("created at"))
    last_activity_at = models.DateTimeField(_("last activity"))
    #: The anchor of the idle deadline: the last renewal, or the creation.
    renewed_at = models.DateTimeField(_("renewed at"))
    renewal_count = models.PositiveIntegerField(_("renewals"), default=0)
    expires_at = models.DateTimeField(_("expires at"))
    warns_at = models.DateTimeField(_("warns at"))
    #: The deadline that was last warned about. A renewal moves ``expires_at`` away
    #: from it, which is all it takes to re-arm the warning.
    warned_for = models.DateTimeField(_("warned for"), null=True, blank=True)
    #: When a sweep must look at this row; ``None`` once the session is closed. It is a
    #: lower bound: a renewal leaves it alone, so that the index on it stays untouched,
    #: and the sweep moves it forward.
    sweep_at = models.DateTimeField(_("sweep at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    close_reason = models.CharField(
        _("close reason"), max_length=10, choices=CloseReason.choices, blank=True
    )

    message_count = models.PositiveIntegerField(_("messages"), default=0)
    #: Keeps the times of one session's messages strictly increasing.
    last_message_at = models.DateTimeField(_("last message"), null=True, blank=True)
    #: The sequence number of the session's last event.
    last_sequence = models.PositiveIntegerField(_("last event"), default=0)

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at=None, close_reason="")
                | Q(closed_at__isnull=False, sweep_at=None)
                & Q(close_reason__in=["expired", "ended"]),
                name="eliza_session_closed_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gte=F("created_at")),
                name="eliza_session_ends_after_start",
            ),
        ]
        indexes = [
            models.Index(
                fields=["sweep_at"],
                condition=Q(sweep_at__isnull=False),
                name="eliza_session_due",
            ),
            models.Index(
                fields=["closed_at"],
                condition=Q(closed_at__isnull=False),
                name="eliza_session_closed",
            ),
            models.Index(fields=["-created_at", "-id"], name="eliza_session_newest"),
            models.Index(
                fields=["agent", "-created_at", "-id"], name="eliza_session_by_agent"
            ),
            models.Index(
                fields=["user_id", "-created_at", "-id"], name="eliza_session_by_user"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def channel_id(self) -> uuid.UUID:
        """The room of the session's live events; one session, one channel, one id."""
        return self.pk

    @property
    def timeout_config(self) -> TimeoutConfig:
        """The configuration in force."""
        return TimeoutConfig(
            timeout_minutes=self.timeout_minutes,
            auto_renew=self.auto_renew,
            max_duration_minutes=self.max_duration_minutes,
            warning_threshold_minutes=self.warning_threshold_minutes,
        )

    @property
    def is_at_hard_deadline(self) -> bool:
        """Whether nothing can extend the session any more."""
        return self.expires_at == self.timeout_config.hard_deadline(self.created_at)

    def is_expired(self, now: datetime) -> bool:
        """Tell whether the deadline has passed, whatever a sweep has done."""
        return self.close_reason == self.CloseReason.EXPIRED or self.expires_at <= now

    def is_near_expiration(self, now: datetime) -> bool:
        """Tell whether the session has come within its warning threshold."""
        return is_near_expiration(
            now=now, expires_at=self.expires_at, warns_at=self.warns_at
        )

    def time_remaining(self, now: datetime) -> int:
        """Return the milliseconds left, never negative."""
        return milliseconds_between(now, self.expires_at)
