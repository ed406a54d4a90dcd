"""From the event loop to the database, and back."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import close_old_connections

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *args: Any, **arguments: Any) -> T:
    """Call what uses the database, off the event loop."""

    def call() -> T:
        close_old_connections()
        try:
            return function(*args, **arguments)
        finally:
            close_old_connections()

    return await asyncio.to_thread(call)
