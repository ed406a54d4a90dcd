"""Erasures: receipts of what was erased, and tombstones of the users it belonged to."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Erasure(models.Model):
    """The erasure of everything of one user.

    Written before the first row goes, so that nothing new can come up meanwhile, and
    never deleted. Once it is finished, nothing in it leads back to the user.
    """

    #: A keyed digest of the user's id (``services.tombstones``): the tombstone.
    user_digest = models.CharField(_("tombstone"), max_length=64)
    #: Whose everything has to go; nobody's once all of it is gone.
    user_id = models.UUIDField(_("user ID"), null=True)
    requested_by = models.CharField(_("requested by"), max_length=255)
    requested_at = models.DateTimeField(_("requested at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    #: SHA-256, in hexadecimal, of what was there when the deletion began.
    digest = models.CharField(_("SHA-256 of what was erased"), max_length=64, blank=True)
    #: How many rows were deleted, by table.
    rows = models.JSONField(_("rows deleted"), default=dict)
    sessions_held = models.PositiveIntegerField(
        _("sessions kept by a legal hold"), default=0
    )

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        constraints = [
            models.UniqueConstraint(
                fields=["user_digest"],
                condition=Q(finished_at=None),
                name="eliza_erasure_one_under_way",
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None, user_id__isnull=False)
                | Q(finished_at__isnull=False, user_id=None),
                name="eliza_erasure_forgets_whose",
            ),
        ]
        indexes = [models.Index(fields=["user_digest"], name="eliza_erasure_tombstone")]

    def __str__(self) -> str:
        return str(_("Erasure %s") % self.pk)
