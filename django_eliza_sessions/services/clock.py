"""The one place that reads the time."""

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    """Return the present in UTC, cut to the milliseconds that the wire can show."""
    moment = timezone.now()
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
