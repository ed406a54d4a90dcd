"""API keys: who may call without being a user of the project."""

import uuid
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.principals import KEY, derive_user_id

MAX_NAME_CHARACTERS = 200


class ApiKey(models.Model):
    """A key, known by the digest of its text. What it may do never changes."""

    class State(models.TextChoices):
        """Whether a key opens anything."""

        ACTIVE = "active", _("active")
        EXPIRED = "expired", _("expired")
        REVOKED = "revoked", _("revoked")

    id = models.UUIDField(_("ID"), primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(
        _("name"), max_length=MAX_NAME_CHARACTERS, help_text=_("What it is for.")
    )
    #: The part of the text that may be shown, and by which the key is found.
    prefix = models.CharField(_("prefix"), max_length=12, unique=True, editable=False)
    #: SHA-256 of the text, in hexadecimal.
    digest = models.CharField(max_length=64, editable=False)
    may_act_as = models.BooleanField(
        _("may act as any user"),
        default=False,
        help_text=_("Opens sessions for any user; else only for the key's own user ID."),
    )
    is_admin = models.BooleanField(
        _("administrator"),
        default=False,
        help_text=_("Sees and ends everybody's sessions, and acts as any user."),
    )
    #: Ids, not foreign keys: an agent's deletion must not widen what the key may do.
    agent_ids = models.JSONField(_("agents"), default=list, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), editable=False)
    #: Late by ``services.keys.LAST_USED_GRAIN`` at most.
    last_used_at = models.DateTimeField(
        _("last used at"), null=True, blank=True, editable=False
    )
    revoked_at = models.DateTimeField(
        _("revoked at"), null=True, blank=True, editable=False
    )

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def principal_id(self) -> str:
        """The owner of the sessions it opens."""
        return f"{KEY}{self.prefix}"

    @property
    def user_id(self) -> uuid.UUID:
        """The user it opens sessions for, unless it may act as any."""
        return derive_user_id(self.principal_id)

    @property
    def scopes(self) -> list[str]:
        """What it may be used for, in short."""
        flags = {"use": True, "act_as": self.may_act_as, "admin": self.is_admin}
        return [scope for scope, is_given in flags.items() if is_given]

    def state(self, now: datetime) -> State:
        """Return whether it opens anything."""
        if self.revoked_at is not None:
            return self.State.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return self.State.EXPIRED
        return self.State.ACTIVE

    def is_valid(self, now: datetime) -> bool:
        """Tell whether it opens anything."""
        return self.state(now) == self.State.ACTIVE
