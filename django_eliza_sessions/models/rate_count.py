"""Counts of what is limited, where no Redis counts."""

from datetime import datetime

from django.db import connection, models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

# One statement, so that of several processes each gets another count, and none too high.
_TAKE = """
INSERT INTO django_eliza_sessions_ratecount AS taken ("key", "count", "expires_at")
VALUES (%s, 1, %s)
ON CONFLICT ("key") DO UPDATE SET "count" = taken."count" + 1 WHERE taken."count" < %s
RETURNING "count"
"""


class RateCount(models.Model):
    """How often something was done in one window of time."""

    #: A keyed digest of who did what, which cannot be traced back, and the window's number.
    key = models.CharField(_("key"), max_length=100, primary_key=True)
    count = models.PositiveIntegerField(_("count"))
    #: When the window is over.
    expires_at = models.DateTimeField(_("expires at"))

    class Meta:
        verbose_name = _("rate count")
        verbose_name_plural = _("rate counts")
        indexes = [models.Index(fields=["expires_at"], name="eliza_rate_count_expires")]

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"

    @classmethod
    def take(cls, key: str, limit: int, expires_at: datetime) -> int | None:
        """Add 1 to a count, from 0 if there is none, unless it is at its limit.

        Returns:
            What it came to; ``None`` where it is at its limit.
        """
        until = connection.ops.adapt_datetimefield_value(expires_at)
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, [key, until, limit])
            row = cursor.fetchone()
        return None if row is None else int(row[0])

    @classmethod
    def give_back(cls, key: str) -> None:
        """Take 1 from a count."""
        cls.objects.filter(pk=key).update(count=F("count") - 1)
