"""Doing things at the same time, on real threads with connections of their own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections


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
