"""Query parameters, read strictly: what cannot be meant is refused."""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.http import QueryDict

from django_eliza_sessions.content import parse_uuid
from django_eliza_sessions.exceptions import (
    InvalidPaginationError,
    InvalidRequestError,
    quote,
)
from django_eliza_sessions.services.overview import Place, State
from django_eliza_sessions.wire import epoch_milliseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def single_values(query: QueryDict) -> dict[str, str]:
    """Return the query parameters, each of which may be given once.

    Raises:
        InvalidRequestError: One is repeated, or written with brackets.
    """
    for name, values in query.lists():
        if len(values) > 1 or "[" in name:
            raise InvalidRequestError(
                "query", f"must give each parameter once and plainly: {quote(name)}"
            )
    return {name: str(value) for name, value in query.items()}


def parse_limit(query: Mapping[str, str], *, default: int, maximum: int) -> int:
    """Return how many items a page may have.

    Raises:
        InvalidPaginationError: It is no whole number from 1 to the maximum.
    """
    text = query.get("limit", str(default))
    if re.fullmatch(r"\d{1,9}", text, re.ASCII) and 1 <= int(text) <= maximum:
        return int(text)
    raise InvalidPaginationError(
        "limit",
        f"must be a whole number from 1 to {maximum}, got {quote(text)}",
        minimum=1,
        maximum=maximum,
    )


def parse_moment(query: Mapping[str, str], name: str) -> datetime | None:
    """Return the time a parameter names; ``None`` without it.

    Raises:
        InvalidPaginationError: It is neither milliseconds since the epoch nor ISO 8601.
    """
    text = query.get(name)
    if text is None:
        return None
    try:
        if re.fullmatch(r"-?\d{1,15}", text, re.ASCII):
            return _EPOCH + timedelta(milliseconds=int(text))
        if re.fullmatch(r"\d{4}-\d\d-\d\d([T ].+)?|\d{8}T.+", text, re.ASCII):
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidPaginationError(
        name,
        "must be milliseconds since the epoch or an ISO 8601 time such as "
        f"2026-01-31T12:00:00.000Z (a + must be sent as %2B), got {quote(text)}",
    )


def parse_state(query: Mapping[str, str]) -> State:
    """Return which sessions a list shows.

    Raises:
        InvalidPaginationError: There is no such state.
    """
    text = query.get("state", State.ACTIVE)
    try:
        return State(text)
    except ValueError:
        raise InvalidPaginationError(
            "state", f"must be one of {', '.join(State)}, got {quote(text)}"
        ) from None


def parse_flag(query: Mapping[str, str], name: str) -> bool:
    """Return whether something is wished for; false without it.

    Raises:
        InvalidPaginationError: It is neither true nor false.
    """
    text = query.get(name, "false")
    if text in ("true", "false"):
        return text == "true"
    raise InvalidPaginationError(name, f"must be true or false, got {quote(text)}")


def parse_optional_uuid(query: Mapping[str, str], name: str) -> UUID | None:
    """Return the UUID of a filter; ``None`` without it.

    Raises:
        InvalidUuidError: It is no UUID.
    """
    return parse_uuid(query[name], name) if name in query else None


def encode_cursor(place: Place) -> str:
    """Return a place in a list as an opaque word."""
    created_at, session_id = place
    text = f"{epoch_milliseconds(created_at)}.{session_id.hex}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(query: Mapping[str, str]) -> Place | None:
    """Return the place a page starts from; ``None`` for the first page.

    Raises:
        InvalidPaginationError: It is no cursor of ours.
    """
    cursor = query.get("cursor")
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if match := re.fullmatch(r"(\d{1,15})\.([0-9a-f]{32})", text, re.ASCII):
            place = _EPOCH + timedelta(milliseconds=int(match[1])), UUID(match[2])
            # Decoding overlooks characters that are foreign to base64.
            if encode_cursor(place) == cursor:
                return place
    except (ValueError, OverflowError, binascii.Error):
        pass
    raise InvalidPaginationError(
        "cursor", f"must be the nextCursor of an earlier page, got {quote(cursor)}"
    )
