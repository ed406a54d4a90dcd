"""How things are written on the wire: JSON, names, times and messages."""

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from django_eliza_sessions.models import Message


def _plain(value: object) -> Any:
    """Return what a project's subclass of ``str``, ``dict`` or the like stands for."""
    return json.loads(json.dumps(value))


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)


def write_json(value: object) -> bytes:
    """Return JSON in UTF-8, without a space.

    Args:
        value: Made of what JSON has, and UUIDs, which become texts. Numbers that are
            none become ``null``.

    Raises:
        TypeError: There is something in it that cannot be written.
    """
    return _ENCODER.encode(value)


def camel(name: str) -> str:
    """Return a snake_case name in camelCase."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def epoch_milliseconds(moment: datetime) -> int:
    """Return a time as whole milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


def timestamp(moment: datetime) -> str:
    """Return a time as ISO 8601 in UTC, with milliseconds and ``Z``."""
    utc = moment.astimezone(UTC)
    # In two parts, neither of which has an offset: writing that takes longer than both.
    return f"{utc.date().isoformat()}T{utc.time().isoformat('milliseconds')}Z"


def user_message(message: "Message") -> dict[str, Any]:
    """Return a message as its sender gets it back (contract, "Messages")."""
    body = {
        # Not pk: a page has hundreds, and the property costs several times as much.
        "id": message.id,
        "content": message.content,
        "authorId": message.author_id,
        "createdAt": timestamp(message.created_at),
        "metadata": message.metadata,
    }
    if message.attachments:
        body["attachments"] = message.attachments
    return body


def history_message(message: "Message") -> dict[str, Any]:
    """Return a message as the history shows it, and webhooks as well."""
    body = user_message(message)
    body["isAgent"] = message.is_agent
    return body
