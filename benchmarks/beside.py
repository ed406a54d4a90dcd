"""What each operation costs us and the released ElizaOS server, in one run.

Run by ``make bench-peer``; installs that server into a directory of its own, runs it on
Bun and on Node.js with a canned model, and puts the ratios into ``benchmarks/RESULTS.md``.
Where it cannot be had, our figures stand beside those recorded of it.
"""

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path

from benchmarks import peer, released, report
from benchmarks.databases import PostgreSQL
from benchmarks.driving import drive
from benchmarks.http import DEFAULT_URL
from benchmarks.measuring import Figures, Scales
from benchmarks.operations import Operation, operations
from benchmarks.service import KEY, wait_for
from benchmarks.target import BURST, WARM_UP, Target, run, tell

SESSIONS, MESSAGES = 1000, 5
LONG, LONG_MESSAGES = 20, 200
#: Without news for so long, what is not answered will not be.
PATIENCE = 20


def main() -> None:
    """Measure both, and print their ratios."""
    options = _parser().parse_args()
    directory = options.directory
    measured: dict[str, list[Figures]] = {}
    trouble = ""
    with ExitStack() as stack:
        url = options.url
        try:
            released.install(directory)
            url = stack.enter_context(
                released.postgresql(url, directory / "postgresql", options.port + 2)
            )
        except (OSError, subprocess.CalledProcessError) as error:
            trouble = f"The released server could not be installed: {error}."
        database = PostgreSQL(f"{url}_peer")
        ours = _ours(PostgreSQL(f"{url}_1k"), options)
        runtimes = {
            peer.BUN: str(directory / released.BUN),
            peer.NODE: shutil.which("node"),
        }
        for name, program in runtimes.items():
            if program and not trouble:
                print(f"{name}:", file=sys.stderr)
                measured[name] = _theirs(program, directory, database, options)
        facts = report.facts(database.describe(), [*ours, *chain(*measured.values())])
    for name in runtimes:
        title = f"Beside the released ElizaOS server 1.7.2 on {name}"
        theirs = measured.get(name, [])
        tables = (
            report.ratios_table(name, ours, theirs),
            report.reach_table(name, ours, theirs),
        )
        report.publish(title, "\n".join([f"{facts}{trouble}", *tables]))


def _ours(database: PostgreSQL, options: argparse.Namespace) -> list[Figures]:
    target = Target(
        database=database,
        count=SESSIONS,
        seconds=options.seconds,
        names=(),
        connections="persistent",
        port=options.port,
    )
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        measured = pool.apply(run, [target])
    database.drop()
    return measured.figures


def _theirs(
    program: str, directory: Path, database: PostgreSQL, options: argparse.Namespace
) -> list[Figures]:
    """Measure the released server: first with its agent, then with one that is deaf."""
    figures = []
    port = options.port + 1
    url = f"http://127.0.0.1:{port}"
    for silent in (False, True):
        database.drop()
        database.create()
        with (
            tempfile.TemporaryDirectory() as files,
            released.running(program, directory, port, database.url, silent=silent) as pid,
        ):
            wait_for(port)
            some, long_ones = Path(files) / "sessions", Path(files) / "long_sessions"
            for file, count, messages in (
                (some, SESSIONS, MESSAGES),
                (long_ones, LONG, LONG_MESSAGES),
            ):
                ids = released.make_sessions(port, database.url, count, messages)
                file.write_text("\n".join(ids))
            for operation in operations(released.AGENT_ID):
                of_deaf = operation.name == "message accepted"
                if operation.is_bare or silent != of_deaf:
                    continue
                file = long_ones if operation.is_long else some
                if operation.needs_worker:
                    figures.append(_their_replies(pid, database, url, operation, file))
                else:
                    drive(url, operation, file, KEY, WARM_UP)
                    scales = Scales([pid], database)
                    driven = drive(url, operation, file, KEY, options.seconds)
                    figures.append(scales.weigh(operation.name, driven))
                tell(figures[-1])
        database.drop()
    return figures


def _their_replies(
    pid: int, database: PostgreSQL, url: str, operation: Operation, sessions: Path
) -> Figures:
    """Send messages for a moment, and wait until the last of them is answered."""
    answered = released.count_answers(database.url)
    scales, began_at = Scales([pid], database), time.monotonic()
    driven = drive(url, operation, sessions, KEY, BURST)
    count, last_at = 0, time.monotonic()
    while count < driven.requests and time.monotonic() < last_at + PATIENCE:
        now_answered = released.count_answers(database.url) - answered
        if now_answered > count:
            count, last_at = now_answered, time.monotonic()
        time.sleep(0.1)
    driven = replace(driven, requests=count, seconds=last_at - began_at, p50=None, p99=None)
    return scales.weigh(operation.name, driven)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    place = Path(tempfile.gettempdir()) / "eliza-bench-peer"
    add("--directory", type=Path, default=place, help="where that server is installed")
    add("--seconds", type=float, default=8, help="for which each operation is driven")
    add("--port", type=int, default=18100, help="of our server; the next two are used, too")
    url = os.environ.get("DATABASE_URL", DEFAULT_URL)
    add("--url", default=url, help="PostgreSQL; another one is used if it lacks pgvector")
    return parser


if __name__ == "__main__":
    main()
