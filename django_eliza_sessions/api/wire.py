"""How values are written on the wire: names in camelCase, times in milliseconds."""

import re
from datetime import UTC, datetime


def camel(name: str) -> str:
    """Return a snake_case name in camelCase."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def timestamp(moment: datetime) -> str:
    """Return a time as ISO 8601 in UTC, with milliseconds and ``Z``."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def epoch_milliseconds(moment: datetime) -> int:
    """Return a time as whole milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)
