"""Replies: the durable job of answering one message."""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.models.message import Message


class ReplyQuerySet(models.QuerySet["Reply"]):
    """Replies in the words of the domain."""

    def due(self, now: datetime) -> Self:
        """Unfinished ones that nobody holds any more, the oldest first."""
        return self.filter(status__in=Reply.UNFINISHED, lease_until__lte=now).order_by(
            "lease_until"
        )

    def claimable(self, now: datetime) -> Self:
        """Those a worker may take: queued, or running with a lease that ran out."""
        return self.filter(
            Q(status=Reply.Status.QUEUED)
            | Q(status=Reply.Status.RUNNING, lease_until__lte=now)
        )


class Reply(models.Model):
    """The job of answering one message, done by whoever holds its lease."""

    class Status(models.TextChoices):
        """Where a reply stands."""

        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        COMPLETE = "complete", _("complete")
        FAILED = "failed", _("failed")

    UNFINISHED = (Status.QUEUED, Status.RUNNING)

    id = models.UUIDField(_("ID"), primary_key=True, default=uuid.uuid4)
    message = models.OneToOneField(
        Message,
        on_delete=models.CASCADE,
        related_name="reply",
        verbose_name=_("message"),
    )
    answer = models.OneToOneField(
        Message,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="answers",
        verbose_name=_("answer"),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.QUEUED
    )
    #: Counts the claims, and so is the fencing number: a holder whose number is no
    #: longer the row's has lost the reply and may not write it.
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    #: Until then the reply is in somebody's hands: the dispatcher's while it is queued,
    #: the holder's while it is running. Afterwards a sweep hands it out again.
    lease_until = models.DateTimeField(_("lease until"))
    created_at = models.DateTimeField(_("created at"))
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True)

    objects = ReplyQuerySet.as_manager()

    class Meta:
        verbose_name = _("reply")
        verbose_name_plural = _("replies")
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=Q(status__in=["queued", "running"]),
                name="eliza_reply_due",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)
