"""Where what is done at the moment comes from: which door, which request, which caller.

The audit and the log want to know, at any depth; nothing that is decided depends on it.
So it is not an argument of every function but a context variable, set by the doors; who
may do what stays with ``Principal``, which is passed. Tasks of an event loop, and threads
that serve them, inherit it; threads of our own begin with ``code``.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

#: ``task``: in the background, by Celery or a thread. ``code``: the project's own.
Door = Literal["http", "socket", "admin", "command", "task", "code"]

MAX_REQUEST_ID_CHARACTERS = 128


@dataclass(slots=True, kw_only=True)
class Origin:
    """Where something comes from.

    Attributes:
        door: The way in.
        actor: The principal's id, once it is known; ``system`` on nobody's behalf.
        request_id: What ties together all that one request, command or task does.
        session_id: The session it is about, once it is known; for the log.
    """

    door: Door = "code"
    actor: str = "system"
    request_id: str = field(default_factory=partial(secrets.token_hex, 16))
    session_id: str = ""


_current: ContextVar[Origin] = ContextVar("eliza_sessions_origin")


def current_origin() -> Origin:
    """Return where what is done at the moment comes from; one of its own if unknown."""
    return _current.get(None) or Origin(request_id="")


@contextmanager
def coming_from(
    door: Door, *, request_id: str | None = None, actor: str = "system"
) -> Iterator[Origin]:
    """Have what is done within the block come from a door.

    Args:
        door: The way in.
        request_id: What the caller calls the request; a new id is made where it is
            missing, or no well-formed one.
        actor: The principal's id, if it is known already.
    """
    origin = Origin(door=door, actor=actor)
    if request_id and is_request_id(request_id):
        origin.request_id = request_id
    token = _current.set(origin)
    try:
        yield origin
    finally:
        _current.reset(token)


def is_request_id(text: str) -> bool:
    """Tell whether a text may stand in logs and headers: short, printable, in one word."""
    return (
        0 < len(text) <= MAX_REQUEST_ID_CHARACTERS
        and text.isascii()
        and text.isprintable()
        and " " not in text
    )
