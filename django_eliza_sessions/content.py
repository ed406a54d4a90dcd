"""The rules of what a client may send (contract, "Creating" and "Messages").

Each function takes a value as it was decoded from JSON and returns it checked, exactly
as it was sent: nothing is trimmed, clamped or converted on the way.
"""

import json
import math
import re
from typing import Any
from uuid import UUID

from django_eliza_sessions.exceptions import (
    InvalidContentError,
    InvalidInputError,
    InvalidMetadataError,
    InvalidRequestError,
    InvalidUuidError,
    MissingFieldsError,
    quote,
)

MAX_CONTENT_CHARACTERS = 4000
MAX_METADATA_BYTES = 10_240
MAX_NESTING = 32
MAX_DIGITS = 1000

#: Unicode's White_Space property; ``str.isspace`` also counts U+001C to U+001F.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_TOO_DEEP = f"must not be nested deeper than {MAX_NESTING} levels"
_CANONICAL_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: NUL, which PostgreSQL refuses, and lone surrogates, which UTF-8 cannot encode.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def decode_json(body: bytes) -> Any:
    """Decode a request body as strict JSON (RFC 8259) in UTF-8.

    Raises:
        InvalidRequestError: It is not JSON, repeats a name within an object, has a
            number we could not keep, or is nested deeper than ``MAX_NESTING`` levels.
    """
    try:
        value = json.loads(
            body.decode(),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
            object_pairs_hook=_unique,
        )
    except RecursionError:
        problem = _TOO_DEEP
    except UnicodeDecodeError:
        problem = "must be UTF-8"
    except json.JSONDecodeError as error:
        reason = error.msg.partition(" (")[0]
        problem = f"must be valid JSON: {reason}, line {error.lineno} column {error.colno}"
    except ValueError as error:
        problem = f"must be JSON we can keep: {error}"
    else:
        if not _nested_deeper_than(value, MAX_NESTING):
            return value
        problem = _TOO_DEEP
    raise InvalidRequestError("body", problem)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _finite(number: str) -> float:
    if math.isinf(float(number)):
        raise ValueError("a number is too large for a double")
    return float(number)


def _bounded(number: str) -> int:
    if len(number) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(number)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("an object repeats a name")
    return names


def _nested_deeper_than(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if levels == 0:
        return True
    children = value.values() if isinstance(value, dict) else value
    return any(_nested_deeper_than(child, levels - 1) for child in children)


def parse_uuid(value: object, field: str) -> UUID:
    """Return the UUID written in the canonical 8-4-4-4-12 form, in any case.

    Raises:
        MissingFieldsError: It is absent or null.
        InvalidUuidError: It is anything else.
    """
    if value is None:
        raise MissingFieldsError(field, "is required")
    if not isinstance(value, str) or not _CANONICAL_UUID.fullmatch(value):
        raise InvalidUuidError(
            field,
            "must be a UUID such as 3c90c3cc-0d44-4b50-8888-8dd25736052a, "
            f"got {quote(value)}",
        )
    return UUID(value)


def check_text(value: str, field: str, error: type[InvalidInputError]) -> None:
    """Refuse text that no database and no JSON document can hold.

    Raises:
        InvalidInputError: In the given class, when it has a NUL or a lone surrogate.
    """
    if _UNSTORABLE.search(value):
        raise error(field, "must not contain NUL characters or lone surrogates")


def storable(text: str) -> str:
    """Return text that is not a client's with a mark where it could not be stored."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def check_content(value: object) -> str:
    """Return a message's text.

    Raises:
        InvalidContentError: It is no text, is blank, or is longer than 4000 characters.
    """
    if not isinstance(value, str):
        raise InvalidContentError("content", f"must be a string, got {quote(value)}")
    if len(value) > MAX_CONTENT_CHARACTERS:
        raise InvalidContentError(
            "content",
            f"must have at most {MAX_CONTENT_CHARACTERS} characters, got {len(value)}",
            maximum=MAX_CONTENT_CHARACTERS,
        )
    if not value.strip(WHITE_SPACE):
        raise InvalidContentError("content", "must not be empty or only white space")
    check_text(value, "content", InvalidContentError)
    return value


def check_metadata(value: object) -> dict[str, Any]:
    """Return metadata, ``{}`` for null.

    Raises:
        InvalidMetadataError: It is no object, cannot be stored as JSON, or has more
            than 10,240 bytes as compact UTF-8 JSON.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidMetadataError("metadata", f"must be an object, got {quote(value)}")
    for text in _texts(value):
        check_text(text, "metadata", InvalidMetadataError)
    try:
        encoded = json.dumps(
            value, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()
    except (RecursionError, TypeError, ValueError) as error:
        raise InvalidMetadataError("metadata", f"must be JSON: {error}") from error
    if len(encoded) > MAX_METADATA_BYTES:
        raise InvalidMetadataError(
            "metadata",
            f"must have at most {MAX_METADATA_BYTES} bytes as JSON, got {len(encoded)}",
            maximum=MAX_METADATA_BYTES,
        )
    return value


def _texts(value: object) -> list[str]:
    texts, pending = [], [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            texts.append(item)
        elif isinstance(item, dict):
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            pending += item
    return texts
