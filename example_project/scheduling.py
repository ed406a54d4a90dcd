"""How the system schedules a worker process of granian's beside the others.

Only one thread of a process computes at a time. Where its threads are on several cores,
each that wakes up takes the turn from one elsewhere, and fetches what that one had at
hand. And a process that wakes up interrupts another, which loses what it had at hand.
"""

import multiprocessing
import os
from contextlib import suppress


def share_cores() -> None:
    """Have this worker stay on its share of the cores, and interrupt nobody there.

    The shares of all workers cover all cores that granian may use: one core each, where
    there are as many workers (``GRANIAN_WORKERS``) as cores; several, where there are
    fewer. Threads that begin later do as the worker. Does nothing in other processes, and
    on systems other than Linux.
    """
    process = multiprocessing.current_process()
    if process.name != "granian-worker" or not hasattr(os, "SCHED_BATCH"):
        return
    # Granian says nowhere else which of its workers this is: from 1 on, and who replaces
    # one has its number.
    number = process._args[0] - 1  # type: ignore[attr-defined]  # noqa: SLF001 - as said
    workers = int(os.environ.get("GRANIAN_WORKERS") or 1)
    # A sandbox may refuse either.
    with suppress(OSError):
        cores = sorted(os.sched_getaffinity(0))
        places = range(number % workers, max(workers, len(cores)), workers)
        os.sched_setaffinity(0, {cores[place % len(cores)] for place in places})
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
