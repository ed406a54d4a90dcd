"""What each operation costs over HTTP, on both databases and at several sizes.

Run by ``make bench``; prints a table for each, and keeps it in ``benchmarks/RESULTS.md``.
"""

import argparse
import multiprocessing
import os
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.databases import PostgreSQL, SQLite
from benchmarks.operations import operations
from benchmarks.target import Measured, Target, run

SIZES = {"1k": 1_000, "100k": 100_000, "1m": 1_000_000}
DEFAULT_URL = "postgres://postgres@127.0.0.1:5432/eliza_bench"


def main() -> None:
    """Measure what is asked for."""
    options = _parser().parse_args()
    for kind in options.database:
        measured = {}
        for size in options.size:
            if kind == "sqlite" and size == "1m":
                continue
            database = _database(kind, size, options.url)
            target = Target(
                database=database,
                count=SIZES[size],
                seconds=options.seconds,
                names=tuple(options.operation),
                connections=options.connections,
                port=options.port,
            )
            # Of its own, because Django is set up for one database.
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                measured[size] = pool.apply(run, [target])
            if not options.keep:
                database.drop()
            _publish(target, size, measured[size])
        if len(measured) > 1:
            figures = {size: found.figures for size, found in measured.items()}
            database_name = database.describe().split()[0]
            title = f"Flat in size, {database_name}"
            table = report.flatness_table(figures)
            report.publish(title, table, kept=not options.operation)


def _publish(target: Target, size: str, measured: Measured) -> None:
    database = target.database.describe()
    title = f"{database.split()[0]}, {size} sessions"
    body = report.facts(database, measured.figures)
    body += f"A web process had {measured.megabytes:.0f} MB at the end.\n\n"
    body += report.figures_table(measured.figures)
    if isinstance(target.database, PostgreSQL):
        body += f"\n{report.large_table(size, measured.figures)}"
    report.publish(title, body, kept=not target.names)


def _database(kind: str, size: str, url: str) -> PostgreSQL | SQLite:
    if kind == "postgresql":
        return PostgreSQL(f"{url}_{size}")
    return SQLite(Path(tempfile.gettempdir()) / f"eliza-bench-{size}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    names = [operation.name for operation in operations()]
    quoted = ", ".join(f"'{name}'" for name in names)
    databases = ["postgresql", "sqlite"]
    add("--database", nargs="+", choices=databases, default=databases, help="which")
    add("--size", nargs="+", choices=SIZES, default=["1k"], help="sessions stored")
    add(
        "--operation",
        nargs="+",
        choices=names,
        default=[],
        metavar="NAME",
        help=f"instead of all, and then RESULTS.md stays as it is: {quoted}",
    )
    add("--seconds", type=float, default=8, help="for which each operation is driven")
    kinds = ["persistent", "pool"]
    add("--connections", choices=kinds, default="persistent", help="of the part web")
    add("--keep", action="store_true", help="keep the databases for the next run")
    add("--port", type=int, default=18100, help="of the server")
    url = os.environ.get("DATABASE_URL", DEFAULT_URL)
    add("--url", default=url, help="PostgreSQL; the size is added to the name")
    return parser


if __name__ == "__main__":
    main()
