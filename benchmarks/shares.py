"""Whose code the web processes are in while they answer, as a sampling profiler sees it.

Run by ``python -m benchmarks.shares``, with py-spy installed (``pip install py-spy``) and
as somebody who may look into other processes: root, in most places. A sample counts where
its thread holds the interpreter's lock, for the innermost caller that is one of those
named here: so the standard library counts for whoever calls it. What the kernel and
PostgreSQL do, and granian without Python, is not in it.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import report
from benchmarks.databases import PostgreSQL
from benchmarks.http import DEFAULT_URL
from benchmarks.operations import Operation, operations
from benchmarks.servers import Server
from benchmarks.target import prepare, serve

#: Who code belongs to, by what its path has in it; the first that fits.
OWNERS = {
    "(django_eliza_sessions/models/": "this package: models",
    "(django_eliza_sessions/services/": "this package: services",
    "(django_eliza_sessions/": "this package: API and the rest",
    "(example_project/": "the example project",
    "(psycopg": "psycopg",
    "(rest_framework/": "Django REST framework",
    "(django/db/": "Django: database",
    "(django/urls/": "Django: URLs",
    "(django/http/": "Django: requests and responses",
    "(django/": "Django: the rest",
    "(granian/": "granian, and the start of a thread",
}
NAMES = (
    "get session",
    "heartbeat",
    "history, 50 of 200",
    "create session",
    "message accepted",
    "message, reply inline",
)
SESSIONS, SAMPLES_PER_SECOND = 1000, 400


def main() -> None:
    """Profile one operation after the other, and print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--seconds", type=int, default=8, help="for which each operation is driven")
    add("--port", type=int, default=18100, help="of the server")
    url = os.environ.get("DATABASE_URL", DEFAULT_URL)
    add("--url", default=url, help="PostgreSQL; a database beside it is used")
    options = parser.parse_args()
    profiler = shutil.which(
        "py-spy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if profiler is None:
        sys.exit("There is no py-spy: pip install py-spy.")
    database = PostgreSQL(f"{options.url}_shares")
    prepare(database, SESSIONS, "persistent")
    found = {}
    try:
        for operation in operations():
            if operation.name in NAMES:
                print(operation.name, file=sys.stderr)
                with serve(database, options.port, operation.part, answers=False) as server:
                    found[operation.name] = _profile(
                        profiler, operation, server, options.seconds
                    )
        facts = report.facts(database.describe(), [])
    finally:
        database.drop()
    report.publish("Whose code the web processes are in", f"{facts}\n{_table(found)}")


def _profile(
    profiler: str, operation: Operation, server: Server, seconds: int
) -> Counter[str]:
    stacks = server.sessions.with_name("stacks")
    command = [profiler, "record", "--gil", "--subprocesses", "--format", "raw"]
    command += ["--rate", str(SAMPLES_PER_SECOND), "--output", str(stacks)]
    server.warm_up(operation)
    with ThreadPoolExecutor(1) as pool:
        driving = pool.submit(server.measure, operation, seconds)
        # It needs some time to begin, and to end.
        duration = str(max(1, seconds - 3))
        subprocess.run(
            [*command, "--duration", duration, "--pid", str(server.pids[0])],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        driving.result()
    counted: Counter[str] = Counter()
    for line in stacks.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        counted[_owner(stack)] += int(count)
    return counted


def _owner(stack: str) -> str:
    for frame in reversed(stack.split(";")):
        for part, owner in OWNERS.items():
            if part in frame:
                return owner
    return "others"


def _table(found: dict[str, Counter[str]]) -> str:
    rows = [
        [owner, *(f"{each[owner] / each.total():.0%}" for each in found.values())]
        for owner in (*OWNERS.values(), "others")
    ]
    totals = ["samples", *(str(each.total()) for each in found.values())]
    return report.table(["Code of", *found], [*rows, totals])


if __name__ == "__main__":
    main()
