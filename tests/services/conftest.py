"""Fixtures of the services' tests: a dispatcher that remembers, and callers."""

import uuid
from collections.abc import Callable

import pytest
import time_machine

from django_eliza_sessions.principals import Principal

_handed_out: list[uuid.UUID] = []


def remember(reply_id: uuid.UUID) -> None:
    """Be a ``REPLY_DISPATCHER`` without a worker."""
    _handed_out.append(reply_id)


@pytest.fixture(autouse=True)
def frozen(clock: time_machine.Traveller) -> None:
    """Have time stand still before anything is made."""


@pytest.fixture
def handed_out(configure: Callable[..., None]) -> list[uuid.UUID]:
    """The ids of the replies that were dispatched; nobody answers them."""
    configure(REPLY_DISPATCHER=f"{__name__}.remember")
    _handed_out.clear()
    return _handed_out


@pytest.fixture
def owner() -> Principal:
    return Principal(id="user:1")


@pytest.fixture
def stranger() -> Principal:
    return Principal(id="user:2")
