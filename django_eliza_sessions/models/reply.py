"""Replies: the durable job of answering one message, and its text as it comes."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.models.ids import new_id
from django_eliza_sessions.models.message import Message
from django_eliza_sessions.models.session import Session


class ReplyQuerySet(models.QuerySet["Reply"]):
    """Replies in the words of the domain."""

    def unfinished(self) -> Self:
        """Those that somebody still has to work on."""
        return self.filter(status__in=Reply.UNFINISHED)

    def in_turn(self) -> Self:
        """Unfinished ones that are the next of their session."""
        earlier = Reply.objects.unfinished().filter(
            session=OuterRef("session"), created_at__lt=OuterRef("created_at")
        )
        # No ``Exists``, of which PostgreSQL makes a join with all the unfinished; and the
        # first of them, or it may hope to come across one soon in the whole table.
        first = Subquery(earlier.order_by("created_at").values("pk")[:1])
        return self.unfinished().alias(earlier=first).filter(earlier__isnull=True)

    def due(self, now: datetime) -> Self:
        """Those in turn that nobody holds any more, the oldest first."""
        return self.in_turn().filter(lease_until__lte=now).order_by("lease_until")

    def claimable(self) -> Self:
        """Those a worker may take."""
        return self.in_turn().filter(status=Reply.Status.QUEUED)


class Reply(models.Model):
    """The job of answering one message, done by whoever holds its lease."""

    class Status(models.TextChoices):
        """Where a reply stands."""

        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        COMPLETE = "complete", _("complete")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    UNFINISHED = (Status.QUEUED, Status.RUNNING)
    #: What a row must still hold for whoever read it to write it.
    FENCE = ("status", "attempts")
    # For ``taking`` and ``rows``. The statuses are spelled out, because SQLite takes
    # a partial index only where the statement itself says the index's condition. And the
    # first of the earlier ones, not any of them: see ``in_turn``.
    IN_TURN = """AND (
        SELECT min(created_at) FROM django_eliza_sessions_reply earlier
        WHERE earlier.session_id = t0.session_id AND earlier.created_at < t0.created_at
        AND earlier.status IN ('queued', 'running')) IS NULL"""
    FIRST_QUEUED = """AND status IN ('queued', 'running') AND status = 'queued'
        ORDER BY created_at LIMIT 1"""

    id = models.UUIDField(_("ID"), primary_key=True, default=new_id)
    session = models.ForeignKey(
        Session,
        on_delete=models.CASCADE,
        related_name="replies",
        db_index=False,
        verbose_name=_("session"),
    )
    message = models.OneToOneField(
        Message,
        on_delete=models.CASCADE,
        related_name="reply",
        verbose_name=_("message"),
    )
    #: The id of the agent's message, known before there is one: chunks carry it.
    answer_id = models.UUIDField(_("answer"), default=new_id)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.QUEUED
    )
    #: Counts the claims, and so is the fencing number: a holder whose number is no
    #: longer the row's has lost the reply and may not write it.
    attempts = models.IntegerField(_("attempts"), default=0)
    #: Until then the reply is in somebody's hands: the dispatcher's while it is queued,
    #: the holder's while it is running. Afterwards a sweep hands it out again.
    lease_until = models.DateTimeField(_("lease until"))
    chunk_count = models.IntegerField(_("chunks"), default=0)
    input_tokens = models.IntegerField(_("input tokens"), null=True, blank=True)
    output_tokens = models.IntegerField(_("output tokens"), null=True, blank=True)
    #: The time of the message, so that a session's replies are in its order.
    created_at = models.DateTimeField(_("created at"))
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    #: Why it failed or was cancelled: a code for clients, a sentence for operators.
    error_code = models.CharField(_("error code"), max_length=40, blank=True)
    error = models.TextField(_("error"), blank=True)

    #: What ``reading.said_before`` tells the backend, where it came with the reply.
    told: str | None = None

    objects = ReplyQuerySet.as_manager()

    class Meta:
        verbose_name = _("reply")
        verbose_name_plural = _("replies")
        # PostgreSQL takes the unfinished for hardly any, until it counts them again, and so
        # would rather go through all of them than look one up. What is not null anyway
        # keeps each index for those who ask for just that.
        constraints = [
            models.UniqueConstraint(
                fields=["session"],
                condition=Q(status="running", session__isnull=False),
                name="eliza_reply_one_running",
            )
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=Q(status__in=["queued", "running"], lease_until__isnull=False),
                name="eliza_reply_lease",
            ),
            models.Index(fields=["session", "created_at"], name="eliza_reply_in_order"),
            models.Index(
                fields=["session", "created_at"],
                condition=Q(status__in=["queued", "running"], session__isnull=False),
                name="eliza_reply_of_session",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status not in self.UNFINISHED


class ReplyChunk(models.Model):
    """A piece of a reply's text, stored as it came, for watchers to start anywhere."""

    reply = models.ForeignKey(
        Reply,
        on_delete=models.CASCADE,
        related_name="chunks",
        db_index=False,
        verbose_name=_("reply"),
    )
    index = models.IntegerField(_("index"))
    text = models.TextField(_("text"))

    class Meta:
        verbose_name = _("reply chunk")
        verbose_name_plural = _("reply chunks")
        constraints = [
            models.UniqueConstraint(
                fields=["reply", "index"], name="eliza_reply_chunk_in_order"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reply_id} #{self.index}"
