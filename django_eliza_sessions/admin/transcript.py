"""What was said and what happened in a session, ready to be shown.

Everything in it came from outside; it is shown as text, and nothing is fetched.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from django_eliza_sessions.models import Event, Session

LIMIT = 200


def transcript_of(session: Session) -> list[dict[str, Any]]:
    """Return the newest messages, the oldest of them first."""
    newest = session.messages.select_related("reply").order_by("-created_at")[:LIMIT]
    return [
        {
            "message": message,
            "attachments": [*map(_attachment, message.attachments)],
            "metadata": as_json(message.metadata) if message.metadata else "",
        }
        for message in reversed(newest)
    ]


def events_of(session: Session) -> list[Event]:
    """Return the newest events, the oldest of them first."""
    return [*reversed(session.events.order_by("-sequence")[:LIMIT])]


def as_json(value: object) -> str:
    """Return a stored value as it is best read."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    # JSON can hold lone surrogates, a page cannot.
    return text.encode(errors="backslashreplace").decode()


def _attachment(attachment: Mapping[str, Any]) -> SafeString:
    url = str(attachment.get("url", ""))
    # Stored addresses were checked; but a link runs, so it is checked where it is made.
    if url.lower().startswith(("http://", "https://")):
        address = format_html(
            '<a href="{}" rel="noopener noreferrer nofollow"><bdi>{}</bdi></a>', url, url
        )
    else:
        address = format_html("<bdi>{}</bdi>", url)
    facts = ", ".join(str(v) for key, v in attachment.items() if key != "url")
    return format_html("{} <bdi>({})</bdi>", address, facts)
