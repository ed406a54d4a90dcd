"""What sweeps cost: one with very many sessions due, while others go on, and an idle one.

Run by ``python -m benchmarks.sweeps``, on an empty database.
"""

import argparse
import itertools
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
os.environ["ELIZA_SESSIONS_JOB_DISPATCHER"] = "benchmarks.backends.dispatch_to_nobody"
os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="eliza-bench-"))
#: Seconds between two heartbeats.
PAUSE = 0.01
#: Seconds of heartbeats without a sweep.
ALONE = 5


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--due", type=int, default=100_000, help="sessions to expire")
    parser.add_argument("--live", type=int, default=100_000, help="sessions that go on")
    options = parser.parse_args()
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from benchmarks.rows import add_sessions, analyze
    from django_eliza_sessions.models import Agent, Session
    from django_eliza_sessions.services.sweep import sweep_sessions

    call_command("migrate", verbosity=0)
    agent_id = Agent.objects.create(name="Bench").pk
    add_sessions(options.live, agent_id=agent_id)
    live = list(Session.objects.values_list("pk", flat=True)[:1000])
    add_sessions(options.due, agent_id=agent_id, created="-3600 - n * 0.001")
    analyze()
    print(f"database: {connection.vendor}, Python {sys.version.split()[0]}")
    report("heartbeats alone", beats_during(lambda: time.sleep(ALONE), live))
    report("heartbeats during the sweep", beats_during(sweep, live))
    analyze()  # As autovacuum would.
    report(
        f"idle sweep, {options.live} live", [time_of(sweep_sessions) for _ in range(100)]
    )


def sweep() -> None:
    """Sweep until nothing is due; print how long it took, and how long its batches."""
    from django_eliza_sessions.services import sweep

    batches: list[float] = []
    sweep_batch = sweep._sweep_batch

    def timed_batch(size: int, result: sweep.SweepResult) -> int:
        started = time.perf_counter()
        count = sweep_batch(size, result)
        batches.append(time.perf_counter() - started)
        return count

    sweep._sweep_batch = timed_batch
    started = time.perf_counter()
    expired = sweep.sweep_sessions().expired
    print(f"{expired} sessions expired in {time.perf_counter() - started:.1f} s")
    sweep._sweep_batch = sweep_batch
    report("batches", batches)


def beats_during(work: Callable[[], None], sessions: list[uuid.UUID]) -> list[float]:
    """Do something while another process sends heartbeats; return how long they took."""
    from django.db import connections

    connections.close_all()  # Not to be shared.
    context = multiprocessing.get_context("spawn")
    done, answers = context.Event(), context.SimpleQueue()
    process = context.Process(target=beat, args=(sessions, done, answers))
    process.start()
    answers.get()  # It has begun.
    work()
    done.set()
    took: list[float] = answers.get()
    process.join()
    return took


def beat(sessions: list[uuid.UUID], done: Any, answers: Any) -> None:
    """Send heartbeats until it is done; tell of the first, then of all."""
    django.setup()
    from django_eliza_sessions.principals import SYSTEM
    from django_eliza_sessions.services.lifecycle import record_heartbeat

    took: list[float] = []
    for session_id in itertools.cycle(sessions):
        send = partial(record_heartbeat, principal=SYSTEM, session_id=session_id)
        took.append(time_of(send))
        if len(took) == 1:
            answers.put("begun")
        if done.is_set():
            answers.put(took)
            return
        time.sleep(PAUSE)


def time_of(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def report(what: str, seconds: list[float]) -> None:
    """Print the median, the 99th percentile and the largest, in milliseconds."""
    in_order = sorted(second * 1000 for second in seconds)
    middle, last = statistics.median(in_order), in_order[int(len(in_order) * 0.99)]
    print(
        f"{what}: median {middle:.1f} ms, p99 {last:.1f}, largest {in_order[-1]:.1f} "
        f"({len(seconds)} of them)"
    )


if __name__ == "__main__":
    main()
