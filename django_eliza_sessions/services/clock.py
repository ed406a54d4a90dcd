"""The one place that reads the time."""

import time
from datetime import datetime

from django.utils import timezone

_started = time.monotonic()


def now() -> datetime:
    """Return the present in UTC, cut to the milliseconds that the wire can show."""
    moment = timezone.now()
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def uptime() -> float:
    """Return the seconds since this process loaded the app."""
    return time.monotonic() - _started
