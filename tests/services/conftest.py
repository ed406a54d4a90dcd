"""Fixtures of the services' tests: a dispatcher that remembers, and callers."""

import uuid
from collections.abc import Callable

import pytest
import time_machine

from django_eliza_sessions.principals import Principal

_handed_out: list[uuid.UUID] = []
_asked_for: list[str] = []


def remember(reply_id: uuid.UUID) -> None:
    """Be a ``REPLY_DISPATCHER`` without a worker."""
    _handed_out.append(reply_id)


def remember_job(name: str) -> None:
    """Be a ``JOB_DISPATCHER`` that leaves the jobs to the test."""
    _asked_for.append(name)


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
def asked_for(configure: Callable[..., None]) -> list[str]:
    """The names of the jobs that were dispatched; nobody does them."""
    configure(JOB_DISPATCHER=f"{__name__}.remember_job")
    _asked_for.clear()
    return _asked_for


@pytest.fixture
def owner() -> Principal:
    return Principal(id="user:1")


@pytest.fixture
def stranger() -> Principal:
    return Principal(id="user:2")
