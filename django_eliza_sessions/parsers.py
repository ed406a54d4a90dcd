"""What settings may say.

Each function turns what was set, a string if it came from the environment, into the
setting's value, or raises ``ValueError`` saying what is allowed.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from limits import RateLimitItem, parse_many

#: The most minutes a setting may say, so that every deadline is a date.
MAX_MINUTES = 10 * 365 * 24 * 60
#: The most days that something may be kept, so that every cutoff is one, too.
MAX_DAYS = 36_500

#: The longest window of a rate, in seconds: a year.
MAX_WINDOW = 366 * 24 * 60 * 60
#: The most that may be counted in one.
MAX_AMOUNT = 2**31 - 1

Networks = tuple[IPv4Network | IPv6Network, ...]
#: Rates, by what they count.
Rates = Mapping[str, tuple[RateLimitItem, ...]]


def positive(value: object) -> int:
    """Return a whole number above 0."""
    if not isinstance(value, bool) and re.fullmatch(r"0*[1-9]\d*", str(value), re.ASCII):
        return int(str(value))
    raise ValueError("must be a whole number above 0")


def minutes(value: object) -> int:
    """Return a whole number of minutes, at most ten years of them."""
    if (minutes := positive(value)) <= MAX_MINUTES:
        return minutes
    raise ValueError(f"must be at most {MAX_MINUTES}, which is ten years")


def positive_or_none(value: object) -> int | None:
    """Return a whole number above 0, or none."""
    return None if value is None else positive(value)


def boolean(value: object) -> bool:
    """Return true or false."""
    words = {"true": True, "1": True, "false": False, "0": False}
    try:
        return words[str(value).lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


def text(value: object) -> str:
    """Return a text that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise ValueError("must be a non-empty string")


def text_or_none(value: object) -> str | None:
    """Return a text that is not empty, or none."""
    return None if value is None else text(value)


def access(value: object) -> str:
    """Return who may come in."""
    if value in ("key", "open"):
        return str(value)
    raise ValueError('must be "key" or "open"')


def active_sessions_policy(value: object) -> str:
    """Return what happens to a session that is one too many."""
    if value in ("reject", "end_oldest"):
        return str(value)
    raise ValueError('must be "reject" or "end_oldest"')


def rates(*counted: str) -> Callable[[object], Rates]:
    """Return the parser of a setting that limits how often something may be done.

    Args:
        counted: What there may be rates for.
    """
    allowed = f'must map any of {", ".join(counted)} to rates such as "10/minute;100/day"'

    def parse(value: object) -> Rates:
        if isinstance(value, str):
            items = [item.partition("=")[::2] for item in _items(value)]
            value = dict(items)
            if len(value) < len(items):
                raise ValueError(f"{allowed}, each once; rates of one are parted by ;")
        if not isinstance(value, Mapping) or not value.keys() <= set(counted):
            raise ValueError(allowed)
        try:
            return {name: _parse_rates(text) for name, text in value.items()}
        except ValueError as error:
            raise ValueError(f"{allowed}: {error}") from error

    return parse


def _parse_rates(text: str) -> tuple[RateLimitItem, ...]:
    rates = tuple(parse_many(text))
    for rate in rates:
        if not 0 < rate.amount <= MAX_AMOUNT or rate.get_expiry() > MAX_WINDOW:
            raise ValueError(f"{rate} must be 1 to {MAX_AMOUNT}, for a year at most")
    return rates


def retention_days(value: object) -> int | None:
    """Return a whole number of days, at most a hundred years of them, or none."""
    days = positive_or_none(value)
    if days is None or days <= MAX_DAYS:
        return days
    raise ValueError(f"must be at most {MAX_DAYS}, which is a hundred years")


def retention_action(value: object) -> str:
    """Return what becomes of sessions that were kept for long enough."""
    if value in ("delete", "anonymise"):
        return str(value)
    raise ValueError('must be "delete" or "anonymise"')


def backends(value: object) -> Mapping[str, Mapping[str, Any]]:
    """Return aliases of backends, shaped like Django's ``CACHES``."""
    if isinstance(value, Mapping) and all(
        # What a database can compare with an agent's.
        isinstance(alias, str)
        and alias.isprintable()
        and isinstance(entry, Mapping)
        and isinstance(entry.get("BACKEND"), str)
        for alias, entry in value.items()
    ):
        return value
    raise ValueError(
        'must map aliases, printable texts, to {"BACKEND": "dotted.path", "OPTIONS": {…}}'
    )


def networks(value: object) -> Networks:
    """Return networks, such as those that webhooks may go to."""
    try:
        return tuple(ip_network(item) for item in _items(value))
    except ValueError as error:
        raise ValueError(f"must list networks such as 10.1.0.0/16: {error}") from error


def origins(value: object) -> tuple[str, ...]:
    """Return origins: the scheme and host that a page comes from."""
    origins = _items(value)
    if all(re.fullmatch(r"https?://[^/?#]+", origin) for origin in origins):
        return origins
    raise ValueError("must list origins such as https://example.com")


def _items(value: object) -> tuple[str, ...]:
    """Return a list's items; in the environment there are commas in between."""
    items = value.split(",") if isinstance(value, str) else value
    if isinstance(items, list | tuple):
        return tuple(str(item).strip() for item in items)
    raise ValueError("must be a list")
