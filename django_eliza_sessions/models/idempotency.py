"""Idempotency keys: what a caller's retry is recognised by."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.models.message import Message
from django_eliza_sessions.models.session import Session


class IdempotencyKey(models.Model):
    """A request that was carried out, under the key its caller gave it."""

    owner = models.CharField(_("owner"), max_length=255)
    key = models.CharField(_("key"), max_length=255)
    #: SHA-256 of what was asked for, in hexadecimal.
    digest = models.CharField(_("digest"), max_length=64)
    session = models.ForeignKey(
        Session, on_delete=models.CASCADE, null=True, related_name="+"
    )
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, null=True, related_name="+"
    )
    was_renewed = models.BooleanField(_("was renewed"), default=False)
    created_at = models.DateTimeField(_("created at"), db_index=True)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "key"], name="eliza_idempotency_key_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.owner}: {self.key}"
