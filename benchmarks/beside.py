"""What each operation costs us and the released ElizaOS server, in one run.

Run by ``make bench-peer``; installs that server into a directory of its own, runs it on
Bun and on Node.js with a canned model, and puts the ratios into ``benchmarks/RESULTS.md``.
All of them take turns, operation by operation, so that a machine that changes its speed
changes it for all. Where that server cannot be had, our figures stand beside those
recorded of it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from statistics import median

from benchmarks import peer, released, report
from benchmarks.databases import PostgreSQL
from benchmarks.http import DEFAULT_URL
from benchmarks.measuring import InTurns
from benchmarks.operations import Operation, operations
from benchmarks.report import OURS
from benchmarks.servers import Server
from benchmarks.service import wait_for
from benchmarks.target import prepare, serve

SESSIONS, MESSAGES = 1000, 5
LONG, LONG_MESSAGES = 20, 200


def main() -> None:
    """Measure both, and print their ratios."""
    options = _parser().parse_args()
    directory, url = options.directory, options.url
    runtimes = {
        peer.BUN: str(directory / released.BUN),
        peer.NODE: shutil.which("node") or "",
    }
    trouble = ""
    with ExitStack() as stack:
        try:
            released.install(directory)
            own = released.postgresql(url, directory / "postgresql", options.port + 1)
            url = stack.enter_context(own)
        except (OSError, subprocess.CalledProcessError) as error:
            trouble = f"The released server could not be installed: {error}."
        found = {} if trouble else {name: path for name, path in runtimes.items() if path}
        database = PostgreSQL(f"{url}_1k")
        prepare(database, SESSIONS, "persistent")
        measured = _measure(database, f"{url}_peer", found, options)
        everything = [each for turns in measured for each in turns.all()]
        facts = report.facts(database.describe(), everything)
        database.drop()
    for name in runtimes:
        title = f"Beside the released ElizaOS server 1.7.2 on {name}"
        tables = report.ratios_table(name, measured), report.reach_table(name, measured)
        report.publish(title, "\n".join([f"{facts}{trouble}", *tables]))


def _measure(
    database: PostgreSQL, url: str, runtimes: dict[str, str], options: argparse.Namespace
) -> list[InTurns]:
    """Measure every operation.

    Args:
        database: Ours, prepared.
        url: The beginning of those of theirs.
        runtimes: The programs that run theirs, by name.
    """
    measured: list[InTurns] = []
    for is_deaf, some in groupby(operations(), attrgetter("is_unheard")):
        with ExitStack() as stack:
            theirs = {}
            for number, (name, program) in enumerate(runtimes.items(), start=2):
                own, port = PostgreSQL(f"{url}{number}"), options.port + number
                server = _theirs(program, options.directory, own, port, is_deaf=is_deaf)
                theirs[name] = stack.enter_context(server)
            for (part, answers), those in groupby(some, Operation.manner):
                with serve(database, options.port, part, answers=answers) as ours:
                    for operation in those:
                        others = {} if operation.is_bare else theirs
                        turns = _take_turns(operation, {OURS: ours} | others, options)
                        measured.append(turns)
    return measured


def _take_turns(
    operation: Operation, servers: dict[str, Server], options: argparse.Namespace
) -> InTurns:
    for server in servers.values():
        server.warm_up(operation)
    turns = InTurns({name: [] for name in servers})
    for _ in range(options.rounds):
        for name, server in servers.items():
            turns.figures[name].append(server.measure(operation, options.seconds))
    ratios = (f"{name} x {median(turns.ratios(OURS, name)):.2f}" for name in servers)
    print(f"{operation.name}:", ", ".join(ratios), file=sys.stderr)
    return turns


@contextmanager
def _theirs(
    program: str, directory: Path, database: PostgreSQL, port: int, *, is_deaf: bool
) -> Iterator[Server]:
    """Run the released server, with sessions that have messages.

    Args:
        program: What runs it.
        directory: Where it is installed.
        database: To be made for it, and dropped.
        is_deaf: Whether its agent does not hear what is said.
    """
    database.drop()
    database.create()
    with (
        tempfile.TemporaryDirectory() as files,
        released.running(program, directory, port, database.url, silent=is_deaf) as pid,
    ):
        wait_for(port)
        sessions, long_sessions = Path(files) / "sessions", Path(files) / "long_sessions"
        for file, count, messages in (
            (sessions, SESSIONS, MESSAGES),
            (long_sessions, LONG, LONG_MESSAGES),
        ):
            ids = released.make_sessions(port, database.url, count, messages)
            file.write_text("\n".join(ids))
        yield Server(
            url=f"http://127.0.0.1:{port}",
            pids=[pid],
            database=database,
            sessions=sessions,
            long_sessions=long_sessions,
            count_unanswered=partial(released.count_unanswered, database.url),
        )
    database.drop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    place = Path(tempfile.gettempdir()) / "eliza-bench-peer"
    add("--directory", type=Path, default=place, help="where that server is installed")
    add("--rounds", type=int, default=3, help="in which each server takes its turn")
    add("--seconds", type=float, default=3, help="for which a turn lasts")
    add("--port", type=int, default=18100, help="of our server; the next three are used")
    url = os.environ.get("DATABASE_URL", DEFAULT_URL)
    add("--url", default=url, help="PostgreSQL; another one is used if it lacks pgvector")
    return parser


if __name__ == "__main__":
    main()
