"""Counting over all processes, in Redis or in the database.

A rate's time is cut into windows that each count from 0. They begin where the clock says,
not with the first request, so that one atomic addition is all that counting takes: of
requests at the same moment, as many pass as the rate says. A Redis that is away lets all
of them pass.
"""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from math import ceil

from django.utils.crypto import salted_hmac
from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import RedisStorage

from django_eliza_sessions.conf import conf
from django_eliza_sessions.models import RateCount
from django_eliza_sessions.services import clock

logger = logging.getLogger(__name__)

#: What the digests are for; another one would start every count anew.
PURPOSE = "django_eliza_sessions.limits"
#: Seconds that Redis may take.
TIMEOUT = 0.5
#: Seconds for which a Redis that failed is not asked again.
PAUSE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The present window of a rate, for one of those that it counts.

    Attributes:
        key: What is counted, without a trace of who it is.
        seconds_left: How long it lasts from now.
    """

    rate: RateLimitItem
    key: str
    seconds_left: float

    @property
    def reset(self) -> int:
        """Whole seconds until the next one."""
        return ceil(self.seconds_left)


def open_window(rate: RateLimitItem, *names: str) -> Window:
    """Return the window that now is in.

    Args:
        rate: How often, in how long a time.
        names: What is done, and who does it.
    """
    seconds = rate.get_expiry()
    # Keyed, for there are too few addresses to hide one behind a plain digest.
    name = rate.key_for(*names)
    digest = salted_hmac(PURPOSE, name, algorithm="sha256").hexdigest()
    # Windows begin at different moments, or all who wait would come back at the same one.
    shift = int(digest[:8], 16) % seconds
    number, elapsed = divmod(clock.now().timestamp() + shift, seconds)
    return Window(rate=rate, key=f"{digest}/{number:.0f}", seconds_left=seconds - elapsed)


def take(window: Window) -> int | None:
    """Count one more in a window, unless it is full.

    Returns:
        How many more there may be; ``None`` where it was full.
    """
    limit, url = window.rate.amount, conf.limits_redis_url
    if url is not None:
        count = _redis(url).take(window)
    else:
        expires_at = clock.now() + timedelta(seconds=window.seconds_left)
        count = RateCount.take(window.key, limit, expires_at)
    return None if count is None else limit - count


def give_back(window: Window) -> None:
    """Uncount what was counted in a window, because it was refused elsewhere."""
    url = conf.limits_redis_url
    if url is not None:
        _redis(url).add(window, -1)
    else:
        RateCount.give_back(window.key)


class _Redis:
    """The counts in a Redis, which may be away."""

    def __init__(self, url: str) -> None:
        from redis.backoff import NoBackoff  # noqa: PLC0415 - not everybody has it
        from redis.retry import Retry  # noqa: PLC0415

        self._storage = RedisStorage(
            url,
            key_prefix="eliza-sessions-limits",
            wrap_exceptions=True,
            socket_connect_timeout=TIMEOUT,
            socket_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type] # goes to redis as it is
        )
        #: On the monotonic clock.
        self._asked_again_at = 0.0

    def take(self, window: Window) -> int | None:
        """Do as ``RateCount.take``; return 0 while Redis is away."""
        count = self.add(window, 1)
        if count <= window.rate.amount:
            return count
        self.add(window, -1)
        return None

    def add(self, window: Window, amount: int) -> int:
        """Add to a count; return what it came to, or 0 while Redis is away."""
        if time.monotonic() < self._asked_again_at:
            return 0
        try:
            return self._storage.incr(window.key, window.rate.get_expiry(), amount)
        except StorageError as error:
            self._asked_again_at = time.monotonic() + PAUSE
            logger.warning(
                "Nothing is limited for %s seconds, since Redis failed: %s", PAUSE, error
            )
            return 0


_redis = cache(_Redis)
