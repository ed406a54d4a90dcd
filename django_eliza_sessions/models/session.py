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

    def active(self, now: datetime) -> Self:
        """Those that can be used."""
        return self.open().filter(expires_at__gt=now)

    def near_expiration(self, now: datetime) -> Self:
        """The active ones that have come within their warning threshold."""
        return self.active(now).filter(warns_at__lte=now)

    def expired(self, now: datetime) -> Self:
        """Those whose deadline has passed, found by a sweep yet or not."""
        return self.found_expired() | self.overdue(now)

    def found_expired(self) -> Self:
        """Those closed because their deadline had passed."""
        return self.filter(close_reason=Session.CloseReason.EXPIRED)

    def overdue(self, now: datetime) -> Self:
        """Those whose deadline has passed, which a sweep has yet to find."""
        # A sweep is due by the deadline at the latest, and on that there is an index.
        return self.filter(sweep_at__lte=now, expires_at__lte=now)

    def ended(self) -> Self:
        """Those ended on purpose."""
        return self.filter(close_reason=Session.CloseReason.ENDED)

    def outlived(self, cutoff: datetime) -> Self:
        """Those over since before the cutoff that retention has yet to deal with."""
        return self.unheld().filter(closed_at__lt=cutoff, anonymised_at=None)

    def open(self) -> Self:
        """Those not closed yet, also where a sweep has yet to find their deadline past."""
        return self.filter(close_reason="")

    def closed(self) -> Self:
        """Those that are over, as far as a sweep has found them."""
        return self.filter(close_reason__in=Session.CloseReason.values)

    def of_user(self, user_id: uuid.UUID) -> Self:
        """Those of a user; one that was anonymised is nobody's."""
        return self.filter(user_id=user_id, anonymised_at=None)

    def unheld(self) -> Self:
        """Those that no legal hold keeps."""
        return self.filter(legal_hold=False)

    def due(self, now: datetime) -> Self:
        """Those a sweep has to look at, the longest overdue first."""
        return self.filter(sweep_at__lte=now).order_by("sweep_at")

    def visible_to(self, principal: Principal) -> Self:
        """Those that a caller may see."""
        seen = self if principal.is_admin else self.filter(owner=principal.id)
        if principal.agent_ids is None:
            return seen
        return seen.filter(agent_id__in=principal.agent_ids)

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

    timeout_minutes = models.IntegerField(_("timeout in minutes"))
    auto_renew = models.BooleanField(_("renew on activity"))
    max_duration_minutes = models.IntegerField(_("maximum duration in minutes"))
    warning_threshold_minutes = models.IntegerField(_("warning threshold in minutes"))

    created_at = models.DateTimeField(_("created at"))
    last_activity_at = models.DateTimeField(_("last activity"))
    #: The anchor of the idle deadline: the last renewal, or the creation.
    renewed_at = models.DateTimeField(_("renewed at"))
    renewal_count = models.IntegerField(_("renewals"), default=0)
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

    message_count = models.IntegerField(_("messages"), default=0)
    #: Keeps the times of one session's messages strictly increasing.
    last_message_at = models.DateTimeField(_("last message"), null=True, blank=True)
    #: The sequence number of the session's last event.
    last_sequence = models.IntegerField(_("last event"), default=0)

    #: Keeps the session from retention and erasure, until somebody lifts it.
    legal_hold = models.BooleanField(_("legal hold"), default=False, db_default=False)
    hold_reason = models.TextField(
        _("reason of the hold"), blank=True, default="", db_default=""
    )
    #: When retention took away whose session it was, and what was said in it.
    anonymised_at = models.DateTimeField(_("anonymised at"), null=True, blank=True)

    #: What came with it for the reply that was taken together with a message of it.
    told: str | None = None

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        permissions = [
            ("hold_session", _("Can set and lift legal holds on sessions")),
            ("export_session", _("Can export everything of a session's user")),
            ("erase_session", _("Can erase everything of a session's user")),
        ]
        # No more than these, and none on the numbers: PostgreSQL reads the text of each one
        # anew in every statement that writes a row, which took 6 µs for one on a number.
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
            # What retention has dealt with, or may not touch, costs it nothing.
            models.Index(
                fields=["agent", "closed_at"],
                condition=Q(closed_at__isnull=False, anonymised_at=None, legal_hold=False),
                name="eliza_session_to_purge",
            ),
            models.Index(fields=["-created_at", "-id"], name="eliza_session_newest"),
            # Lists show open, expired or ended ones, which may be few among very many.
            models.Index(
                fields=["close_reason", "-created_at", "-id"],
                name="eliza_session_by_state",
            ),
            models.Index(
                fields=["agent", "close_reason", "-created_at", "-id"],
                name="eliza_session_by_agent",
            ),
            models.Index(
                fields=["user_id", "close_reason", "-created_at", "-id"],
                name="eliza_session_by_user",
            ),
            models.Index(
                fields=["owner", "close_reason", "-created_at", "-id"],
                name="eliza_session_by_owner",
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
        return self.expires_at >= self.timeout_config.hard_deadline(self.created_at)

    @property
    def was_just_renewed(self) -> bool:
        """Whether the session renewed itself at its latest sign of life."""
        # A new one has both moments alike, too.
        renews_itself = self.auto_renew and self.renewal_count > 0
        return renews_itself and self.renewed_at == self.last_activity_at

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
