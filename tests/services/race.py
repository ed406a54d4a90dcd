"""Doing things at the same time, on real threads with connections of their own."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

from django.db import connection, connections


def together(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all jobs at once; return what each returned or raised."""
    barrier = Barrier(len(jobs), timeout=30)

    def run(job: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return job()
        except Exception as error:  # noqa: BLE001 - the test judges it
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


@contextmanager
def meanwhile(job: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Do a job on another thread during the block; waits for its end."""

    def run() -> Any:
        try:
            return job()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run)


def wait_until(condition: Callable[[], object], what: str, *, pause: float = 0.01) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(pause)


def somebody_waits() -> bool:
    """Tell whether a transaction waits for a lock, on PostgreSQL."""
    with connection.cursor() as cursor:
        # Or what the transaction saw the first time would stand.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0] > 0
