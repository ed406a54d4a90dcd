"""How often something may be asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from limits import RateLimitItem

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import RateLimitError
from django_eliza_sessions.parsers import Rates
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services.access import ANYBODY
from django_eliza_sessions.services.counting import (
    Window,
    give_back,
    open_window,
    take,
)
from django_eliza_sessions.services.lookup import find_user_id

#: Gives who is counted, by what is counted; ``None`` for nobody that is known.
Who = Mapping[str, Callable[[], object]]

CREATE = "sessions may be created"
SEND = "messages may be sent"
_BY = {
    "caller": "by one caller",
    "address": "from one address",
    "user": "for one user",
    "session": "in one session",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What is left of a rate.

    Attributes:
        limit: How often per window.
        remaining: How often in what is left of this window.
        reset: Seconds until the next window, rounded up.
    """

    limit: int
    remaining: int
    reset: int


def count_create(*, principal: Principal, address: str, user_id: object) -> Quota | None:
    """Count a request to create a session, against ``CREATE_LIMITS``.

    Call it outside a transaction, for others of the same caller wait for its end.

    Args:
        principal: The caller.
        address: Where the request comes from, as ``client_address`` returns it.
        user_id: Whom the session is for, as the caller says.

    Returns:
        What is left of the rate that has the least left; ``None`` without rates.

    Raises:
        RateLimitError: It is one too many. Then it counts for no other rate either.
    """
    who: Who = {
        "caller": partial(_caller, principal, address),
        "address": lambda: address,
        # Who may act for one user only is counted as that one, whomever they name: they
        # must not use up the rates of others. And what is named may be anything yet, a
        # UUID in two spellings being one.
        "user": lambda: ascii(str(principal.user_id or user_id)).lower(),
    }
    return _count(CREATE, conf.create_limits, who)


def count_message(*, principal: Principal, address: str, session_id: UUID) -> Quota | None:
    """Count a request to send a message, against ``MESSAGE_LIMITS``.

    Call it outside a transaction, for others of the same caller wait for its end.
    Sessions are counted for each caller apart, so that strangers, for whom there is no
    such session, cannot use up its owner's rate.

    Args:
        principal: The caller.
        address: Where the request comes from, as ``client_address`` returns it.
        session_id: Where the message goes.

    Returns:
        What is left of the rate that has the least left; ``None`` without rates.

    Raises:
        RateLimitError: It is one too many. Then it counts for no other rate either.
    """
    caller = partial(_caller, principal, address)
    who: Who = {
        "caller": caller,
        "address": lambda: address,
        "user": partial(find_user_id, principal=principal, session_id=session_id),
        "session": lambda: f"{session_id} {caller()}",
    }
    return _count(SEND, conf.message_limits, who)


def _caller(principal: Principal, address: str) -> str:
    # Where nobody has to say who they are, their addresses tell them apart.
    return f"{principal.id} {address}" if principal == ANYBODY else principal.id


def _count(what: str, limits: Rates, who: Who) -> Quota | None:
    taken: list[Window] = []
    quotas: list[Quota] = []
    for name, window in _windows(what, limits, who):
        remaining = take(window)
        if remaining is None:
            for other in taken:
                give_back(other)
            raise _refusal(what, name, window)
        taken.append(window)
        quotas.append(
            Quota(limit=window.rate.amount, remaining=remaining, reset=window.reset)
        )
    return min(quotas, key=lambda quota: quota.remaining, default=None)


def _windows(what: str, limits: Rates, who: Who) -> Iterator[tuple[str, Window]]:
    for name, rates in limits.items():
        identity = who[name]()
        if identity is not None:
            for rate in rates:
                yield name, open_window(rate, what, name, str(identity))


def _refusal(what: str, counted: str, window: Window) -> RateLimitError:
    rate, wait = window.rate, window.reset
    return RateLimitError(
        f"At most {rate.amount} {what} per {_duration(rate)} {_BY[counted]}; "
        f"try again in {wait} seconds.",
        counted=counted,
        limit=rate.amount,
        window_seconds=rate.get_expiry(),
        retry_after=wait,
    )


def _duration(rate: RateLimitItem) -> str:
    unit = rate.GRANULARITY.name
    return unit if rate.multiples == 1 else f"{rate.multiples} {unit}s"
