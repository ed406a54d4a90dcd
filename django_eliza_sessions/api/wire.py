"""How values are written on the wire: names in camelCase, times in milliseconds."""

import re
from datetime import datetime


def camel(name: str) -> str:
    """Return a snake_case name in camelCase."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def epoch_milliseconds(moment: datetime) -> int:
    """Return a time as whole milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)
