"""How the system schedules a process of granian's beside the others.

Only one thread of a process computes at a time. Where its threads are on several cores,
each that wakes up takes the turn from one elsewhere, and fetches what that one had at
hand. And a process that wakes up interrupts another, which loses what it had at hand.
"""

import os
import socket
from contextlib import suppress

#: Bound to the name of this process's number as long as it lives.
_name = socket.socket(socket.AF_UNIX)


def share_cores() -> None:
    """Have this process stay on its share of the cores, and interrupt nobody there.

    The shares of all processes are all cores that the server may use: one core each, where
    there are as many processes (``GRANIAN_WORKERS``) as cores; several, where there are
    fewer. Its threads take that over, but for those it already has. Only Linux knows such
    things.
    """
    if not hasattr(os, "SCHED_BATCH"):
        return
    workers = int(os.environ.get("GRANIAN_WORKERS", "1"))
    number = _number(workers)
    cores = sorted(os.sched_getaffinity(0))
    # A sandbox may refuse either: then it runs as any other.
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        if number is not None:
            places = range(number % workers, max(workers, len(cores)), workers)
            os.sched_setaffinity(0, {cores[place % len(cores)] for place in places})


def _number(workers: int) -> int | None:
    """Return the first number that no other process of the same server has.

    There are twice as many as processes, since those overlap when the server reloads.
    """
    for number in range(2 * workers):
        # A name that starts so is no file, and is free again when its process has ended.
        with suppress(OSError):
            _name.bind(f"\0granian-{os.getppid()}-{number}")
            return number
    return None
