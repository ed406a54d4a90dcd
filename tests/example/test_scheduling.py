"""How worker processes share the cores of the machine."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.conftest import need
from tests.example.conftest import ROOT

CORES = os.cpu_count() or 1
PROCESS = """
import multiprocessing, os, sys
from example_project.scheduling import share_cores
process = multiprocessing.current_process()
process.name, process._args = sys.argv[1], (int(sys.argv[2]),)
share_cores()
print(os.sched_getscheduler(0), *os.sched_getaffinity(0))
"""


@pytest.fixture(autouse=True)
def linux() -> None:
    need(hasattr(os, "SCHED_BATCH"), "only Linux lets a process choose its cores")


def scheduled(number: int, name: str = "granian-worker") -> tuple[int, set[int]]:
    """How a process is scheduled that looks like granian's worker of this number."""
    command = [sys.executable, "-c", PROCESS, name, str(number)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
    policy, *cores = map(int, told.stdout.split())
    return policy, set(cores)


@pytest.mark.parametrize("workers", sorted({1, CORES // 2 or 1, CORES, CORES + 1}))
def test_workers_share_all_cores_evenly(monkeypatch: pytest.MonkeyPatch, workers: int):
    monkeypatch.setenv("GRANIAN_WORKERS", str(workers))

    policies, shares = zip(*map(scheduled, range(1, workers + 1)), strict=True)

    on_core = Counter(core for share in shares for core in share)
    assert set(on_core) == os.sched_getaffinity(0)
    for counts in (on_core.values(), list(map(len, shares))):
        assert max(counts) - min(counts) <= 1
    assert set(policies) == {os.SCHED_BATCH}


@pytest.mark.parametrize("workers", [None, ""])
def test_one_has_all_cores_unless_told_of_more(monkeypatch, workers):
    monkeypatch.delenv("GRANIAN_WORKERS", raising=False)
    if workers is not None:
        monkeypatch.setenv("GRANIAN_WORKERS", workers)

    assert scheduled(1) == (os.SCHED_BATCH, os.sched_getaffinity(0))


def test_other_processes_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRANIAN_WORKERS", str(CORES))

    assert scheduled(1, "another") == (os.SCHED_OTHER, os.sched_getaffinity(0))
