"""How things are written on the wire: names, times and messages, at every door."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_eliza_sessions.models import Message


def camel(name: str) -> str:
    """Return a snake_case name in camelCase."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def epoch_milliseconds(moment: datetime) -> int:
    """Return a time as whole milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


def timestamp(moment: datetime) -> str:
    """Return a time as ISO 8601 in UTC, with milliseconds and ``Z``."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def user_message(message: "Message") -> dict[str, Any]:
    """Return a message as its sender gets it back (contract, "Messages")."""
    body = {
        "id": str(message.pk),
        "content": message.content,
        "authorId": str(message.author_id),
        "createdAt": timestamp(message.created_at),
        "metadata": message.metadata,
    }
    if message.attachments:
        body["attachments"] = message.attachments
    return body


def history_message(message: "Message") -> dict[str, Any]:
    """Return a message as the history shows it, and webhooks as well."""
    return user_message(message) | {"isAgent": message.is_agent}
