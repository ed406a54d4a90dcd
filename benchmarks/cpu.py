"""What processes have used of the CPU (Linux), and how fast the machine is."""

import os
import time
from pathlib import Path


def tree_seconds(root: int) -> float:
    """Return what a process and all that came of it have used, ended ones included."""
    stats = _stats()
    members = found = {root}
    while found:
        found = {pid for pid, stat in stats.items() if stat[1] in members} - members
        members = members | found
    ticks = sum(sum(stats[pid][11:15]) for pid in members if pid in stats)
    return ticks / os.sysconf("SC_CLK_TCK")


def parent_of(pid: int) -> int | None:
    """Return the process that started another; ``None`` where there is no such here."""
    stat = _stats().get(pid)
    return stat[1] if stat else None


def children_of(root: int) -> list[int]:
    """Return the processes that a process started."""
    return [pid for pid, stat in _stats().items() if stat[1] == root]


def machine_seconds() -> float:
    """Return what everything on this machine has used so far."""
    user, nice, system, _idle, _waiting, *interrupts = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:8]
    )
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def calibrate() -> float:
    """Return the milliseconds of CPU that a fixed loop takes, at its best."""

    def once() -> float:
        started = time.process_time()
        sum(number * number for number in range(500_000))
        return (time.process_time() - started) * 1000

    return min(once() for _ in range(10))


def _stats() -> dict[int, list[int]]:
    """Return the fields of every process that follow its name; the state as 0."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It has just ended, and counts as its parent's child.
        stats[int(path.parent.name)] = [0, *map(int, fields[1:])]
    return stats
