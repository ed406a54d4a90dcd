"""The rules of time (contract, "Lifetime"): pure arithmetic that never reads a clock.

Two deadlines bind a session: the idle deadline, its anchor + timeout, and the hard
deadline, its creation + maximum duration. The session expires at the earlier one. The
anchor is the last renewal, or the creation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django_eliza_sessions.exceptions import InvalidTimeoutConfigError, quote

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutConfig:
    """The four values that govern a session's life, all resolved."""

    timeout_minutes: int
    auto_renew: bool
    max_duration_minutes: int
    warning_threshold_minutes: int

    def overridden_by(self, overrides: Mapping[str, Any]) -> "TimeoutConfig":
        """Return this configuration with the overrides laid over it, field by field.

        Args:
            overrides: Field names to values; ``None`` and absent fields inherit.
        """
        return replace(
            self, **{field: v for field, v in overrides.items() if v is not None}
        )

    def idle_deadline(self, anchor: datetime) -> datetime:
        """Return when a session last renewed at ``anchor`` ends for lack of activity."""
        return _later(anchor, self.timeout_minutes)

    def hard_deadline(self, created_at: datetime) -> datetime:
        """Return when a session created at ``created_at`` ends, whatever happens."""
        return _later(created_at, self.max_duration_minutes)

    def expires_at(self, *, created_at: datetime, anchor: datetime) -> datetime:
        """Return the earlier of the two deadlines."""
        return min(self.idle_deadline(anchor), self.hard_deadline(created_at))

    def warns_at(self, expires_at: datetime) -> datetime:
        """Return the moment from which a session is near its expiration."""
        return expires_at - timedelta(minutes=self.warning_threshold_minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutLimits:
    """What values may be asked for, in minutes (contract, "Creating")."""

    min_timeout_minutes: int
    max_timeout_minutes: int

    def range_of(self, field: str) -> tuple[int, int]:
        """Return the smallest and the largest number of minutes allowed for a field."""
        return {
            "timeout_minutes": (self.min_timeout_minutes, self.max_timeout_minutes),
            "max_duration_minutes": (1, 2 * self.max_timeout_minutes),
            "warning_threshold_minutes": (1, self.max_timeout_minutes),
        }[field]


def parse_overrides(
    values: Mapping[str, object], limits: TimeoutLimits
) -> dict[str, int | bool | None]:
    """Check timeout values that came from outside; unknown names are ignored.

    Args:
        values: Field names of ``TimeoutConfig`` to decoded JSON values.
        limits: The bounds to hold them against.

    Returns:
        The fields that were given; ``None`` where one was given as null.

    Raises:
        InvalidTimeoutConfigError: A value is of another type or out of range.
    """
    return {
        field: _parse(field, values[field], limits)
        for field in TimeoutConfig.__dataclass_fields__
        if field in values
    }


def _later(moment: datetime, minutes: int) -> datetime:
    # In UTC: a database may give local times, which Python adds to by the wall clock.
    return moment.astimezone(UTC) + timedelta(minutes=minutes)


def _parse(field: str, value: object, limits: TimeoutLimits) -> int | bool | None:
    if value is None:
        return None
    if field == "auto_renew":
        if isinstance(value, bool):
            return value
        raise InvalidTimeoutConfigError(field, f"must be true or false, got {quote(value)}")
    smallest, largest = limits.range_of(field)
    # In JSON 30.0 is a whole number and true is not; in Python it is the other way.
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and smallest <= value <= largest
        and value == int(value)
    ):
        return int(value)
    raise InvalidTimeoutConfigError(
        field,
        f"must be a whole number from {smallest} to {largest}, got {quote(value)}",
        minimum=smallest,
        maximum=largest,
    )


def milliseconds_between(start: datetime, end: datetime) -> int:
    """Return the time from ``start`` to ``end`` in whole milliseconds, never negative."""
    return max(0, (end - start) // _MILLISECOND)


def is_near_expiration(*, now: datetime, expires_at: datetime, warns_at: datetime) -> bool:
    """Tell whether a live session has come within its warning threshold."""
    return warns_at <= now < expires_at
