"""The rules of what a message may carry besides its text (contract, "Messages")."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django_eliza_sessions.content import check_text
from django_eliza_sessions.exceptions import InvalidContentError, quote

MAX_ATTACHMENTS = 10
MAX_URL_CHARACTERS = 2048
MAX_NAME_CHARACTERS = 255
ATTACHMENT_TYPES = ("image", "file", "audio", "video", "document")


def check_attachments(value: object) -> list[dict[str, Any]]:
    """Return attachments with the keys we know, ``[]`` for null.

    Raises:
        InvalidContentError: It is no list of at most ten well-formed attachments.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidContentError("attachments", f"must be a list, got {quote(value)}")
    if len(value) > MAX_ATTACHMENTS:
        raise InvalidContentError(
            "attachments",
            f"must have at most {MAX_ATTACHMENTS} items, got {len(value)}",
            maximum=MAX_ATTACHMENTS,
        )
    return [_check_attachment(item, f"attachments.{i}") for i, item in enumerate(value)]


def _check_attachment(value: object, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidContentError(field, f"must be an object, got {quote(value)}")
    # An optional key given as null counts as absent.
    given = {
        key: value.get(key)
        for key in _ATTACHMENT_RULES
        if value.get(key) is not None or key in ("type", "url")
    }
    for key, item in given.items():
        holds, allowed = _ATTACHMENT_RULES[key]
        if not holds(item):
            raise InvalidContentError(
                f"{field}.{key}", f"must be {allowed}, got {quote(item)}"
            )
        if isinstance(item, str):
            check_text(item, f"{field}.{key}", InvalidContentError)
    return given


def _is_web_address(value: object) -> bool:
    if not isinstance(value, str) or len(value) > MAX_URL_CHARACTERS:
        return False
    try:
        address = urlsplit(value)
        return (
            address.scheme in ("http", "https")
            and bool(address.hostname)
            and address.port != 0  # reading it refuses what is no number
            and not re.search(r"[\s\x00-\x20\x7f]", value)
        )
    except ValueError:
        return False


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_NAME_CHARACTERS


def _is_size(value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer() and 0 <= value < 2**53
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


#: What each key of an attachment must be: the test, and its wording.
_ATTACHMENT_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "type": (lambda v: v in ATTACHMENT_TYPES, f"one of {', '.join(ATTACHMENT_TYPES)}"),
    "url": (
        _is_web_address,
        f"an http or https address of at most {MAX_URL_CHARACTERS} characters",
    ),
    "name": (_is_name, f"a string of at most {MAX_NAME_CHARACTERS} characters"),
    "size": (_is_size, "a whole number of bytes"),
    "mimeType": (_is_name, f"a string of at most {MAX_NAME_CHARACTERS} characters"),
}
