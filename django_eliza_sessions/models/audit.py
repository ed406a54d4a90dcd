"""The audit: who did what to which session, and through which door."""

from typing import Any, NoReturn, get_args

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.origin import MAX_REQUEST_ID_CHARACTERS, Door


class AuditQuerySet(models.QuerySet["AuditRecord"]):
    """Records, which can only be added; ``services.audit`` knows the one exception."""

    def update(self, **_values: Any) -> NoReturn:
        """Refuse.

        Raises:
            TypeError: Always.
        """
        raise TypeError("Audit records cannot be changed.")

    def delete(self) -> NoReturn:
        """Refuse.

        Raises:
            TypeError: Always.
        """
        raise TypeError("Audit records cannot be deleted but by services.audit.")


class AuditRecord(models.Model):
    """One thing somebody did. Outlives what it is about, so it has no foreign keys.

    Nothing changes a record: neither this class, nor the admin, nor, by a trigger, the
    database. Details tell which, how many and what settings, never what was said.
    """

    class Action(models.TextChoices):
        """What can be done that is not told by the rows themselves."""

        SESSION_CREATED = "session_created", _("session created")
        SESSION_RENEWED = "session_renewed", _("session renewed by hand")
        TIMEOUT_CHANGED = "timeout_changed", _("timeouts changed")
        SESSION_EXPIRED = "session_expired", _("session expired")
        SESSION_ENDED = "session_ended", _("session ended")
        SESSION_DELETED = "session_deleted", _("session deleted")
        SESSION_PURGED = "session_purged", _("session purged")
        SESSION_ANONYMISED = "session_anonymised", _("session anonymised")
        SESSION_HELD = "session_held", _("legal hold set")
        HOLD_LIFTED = "hold_lifted", _("legal hold lifted")
        USER_EXPORTED = "user_exported", _("user exported")
        USER_ERASED = "user_erased", _("user erased")
        TRANSCRIPT_READ = "transcript_read", _("transcript read by another")
        REPLY_CANCELLED = "reply_cancelled", _("reply cancelled")
        KEY_CREATED = "apikey_created", _("API key created")
        KEY_REVOKED = "apikey_revoked", _("API key revoked")
        ENDPOINT_CREATED = "webhookendpoint_created", _("webhook endpoint created")
        ENDPOINT_CHANGED = "webhookendpoint_changed", _("webhook endpoint changed")
        ENDPOINT_DELETED = "webhookendpoint_deleted", _("webhook endpoint deleted")
        SECRET_ROTATED = "secret_rotated", _("webhook secret rotated")
        ENDPOINT_TESTED = "endpoint_tested", _("webhook endpoint tested")
        EVENT_RETRIED = "event_retried", _("event handed out again")
        DELIVERY_RETRIED = "delivery_retried", _("webhook sent again")
        AGENT_CREATED = "agent_created", _("agent created")
        AGENT_CHANGED = "agent_changed", _("agent changed")
        AGENT_DELETED = "agent_deleted", _("agent deleted")

    at = models.DateTimeField(_("at"))
    #: A principal's id: ``key:…``, ``user:…``, ``anybody``, ``operator`` or ``system``.
    actor = models.CharField(_("actor"), max_length=255)
    door = models.CharField(
        _("door"), max_length=10, choices=[(door, door) for door in get_args(Door)]
    )
    #: An ``Action``. Not its choices here, so that a new one needs no migration.
    action = models.CharField(_("action"), max_length=40)
    session_id = models.UUIDField(_("session ID"), null=True, blank=True)
    request_id = models.CharField(
        _("request ID"), max_length=MAX_REQUEST_ID_CHARACTERS, blank=True
    )
    details = models.JSONField(_("details"), default=dict)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit record")
        verbose_name_plural = _("audit records")
        indexes = [
            models.Index(fields=["at"], name="eliza_audit_oldest"),
            models.Index(fields=["actor", "-id"], name="eliza_audit_by_actor"),
            models.Index(fields=["action", "-id"], name="eliza_audit_by_action"),
            models.Index(
                fields=["session_id", "-id"],
                condition=Q(session_id__isnull=False),
                name="eliza_audit_by_session",
            ),
            models.Index(
                fields=["request_id", "-id"],
                condition=~Q(request_id=""),
                name="eliza_audit_by_request",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store a new record.

        Raises:
            TypeError: It is stored already.
        """
        if not self._state.adding:
            raise TypeError("Audit records cannot be changed.")
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse.

        Raises:
            TypeError: Always.
        """
        raise TypeError("Audit records cannot be deleted but by services.audit.")
