"""How processes of a server share the cores of the machine."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import need
from tests.example.conftest import ROOT

PROCESS = """
import os, sys
from example_project.scheduling import share_cores
share_cores()
print(os.sched_getscheduler(0), *os.sched_getaffinity(0), flush=True)
sys.stdin.read()
"""


class Process:
    """One of a server's, as if this process were the server."""

    def __init__(self, workers: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROCESS],
            cwd=ROOT,
            env=os.environ | {"GRANIAN_WORKERS": str(workers)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        policy, *cores = map(int, self.process.stdout.readline().split())
        self.policy, self.cores = policy, frozenset(cores)

    def end(self) -> None:
        self.process.communicate(timeout=20)


Start = Callable[[int], Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start one of so many processes of a server."""
    need(hasattr(os, "SCHED_BATCH"), "only Linux lets a process choose its cores")
    started: list[Process] = []

    def one(workers: int) -> Process:
        started.append(Process(workers))
        return started[-1]

    yield one
    for process in started:
        process.end()


CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@pytest.mark.parametrize(
    "workers", sorted({1, max(1, CORES // 2), CORES, CORES + 1, 2 * CORES})
)
def test_processes_share_all_cores_evenly(start: Start, workers: int):
    processes = [start(workers) for _ in range(workers)]

    on_core = Counter(core for process in processes for core in process.cores)
    assert set(on_core) == os.sched_getaffinity(0)
    assert max(on_core.values()) - min(on_core.values()) <= 1
    counts = [len(process.cores) for process in processes]
    assert max(counts) - min(counts) <= 1
    assert {process.policy for process in processes} == {os.SCHED_BATCH}


def test_who_replaces_a_process_takes_its_share(start: Start):
    first, second = start(2), start(2)
    first.end()

    assert start(2).cores == first.cores
    assert start(2).cores == first.cores  # as while a server reloads
    assert start(2).cores == second.cores


def test_more_processes_than_expected_run_anywhere(start: Start):
    for _ in range(2):
        start(1)

    assert start(1).cores == os.sched_getaffinity(0)
