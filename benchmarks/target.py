"""Our service on one database of one size, measured in a process of its own."""

import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from benchmarks.cpu import children_of
from benchmarks.databases import PostgreSQL, SQLite
from benchmarks.inprocess import call
from benchmarks.measuring import Figures
from benchmarks.operations import Operation, operations
from benchmarks.servers import Server
from benchmarks.service import NOBODY, OWNER, celery_worker, web_service
from benchmarks.site import resident_megabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What to measure, and how.

    Attributes:
        count: How many sessions are stored.
        seconds: How long each operation is driven.
        names: Of the operations; empty for all.
        connections: ``persistent`` or ``pool``.
    """

    database: PostgreSQL | SQLite
    count: int
    seconds: float
    names: tuple[str, ...]
    connections: str
    port: int


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of a target, and the MB of its largest web process at the end."""

    figures: list[Figures]
    megabytes: float


def prepare(database: PostgreSQL | SQLite, count: int, connections: str) -> None:
    """Set Django up in this process, on a database with so many sessions."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "DATABASE_URL": database.url,
        "BENCH_ACCESS": "key",
        "BENCH_CONNECTIONS": connections,
        # What is done in this process is not answered.
        "ELIZA_SESSIONS_REPLY_DISPATCHER": NOBODY,
        "ELIZA_SESSIONS_JOB_DISPATCHER": NOBODY,
    }
    database.create()
    import django

    django.setup()
    from django.core.management import call_command

    from benchmarks.loading import fill, settle

    call_command("migrate", verbosity=0)
    fill(OWNER, count)
    settle()


def run(target: Target) -> Measured:
    """Fill the database, and measure every operation on it."""
    prepare(target.database, target.count, target.connections)
    wanted = [
        operation
        for operation in operations()
        if operation.name in target.names or not target.names
    ]
    figures: list[Figures] = []
    megabytes = 0.0
    for (part, answers), those in groupby(wanted, Operation.manner):
        with serve(target.database, target.port, part, answers=answers) as server:
            for operation in those:
                statements = None if answers else count_statements(operation, server)
                server.warm_up(operation)
                figures.append(server.measure(operation, target.seconds, statements))
                tell(figures[-1])
            if not answers:
                processes = children_of(server.pids[0])
                megabytes = max([megabytes, *map(resident_megabytes, processes)])
    return Measured(figures, megabytes)


@contextmanager
def serve(
    database: PostgreSQL | SQLite, port: int, part: str, *, answers: bool
) -> Iterator[Server]:
    """Run a part of the production recipe on a prepared database, and its worker.

    Args:
        answers: Whether what is left to the worker is answered; otherwise none runs.
    """
    from benchmarks.loading import settle, write_sample
    from django_eliza_sessions.models import Reply

    settle()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        sessions, long_sessions = write_sample(Path(directory))
        pids = [stack.enter_context(web_service(port, part, answers=answers))]
        if answers and os.environ.get("CELERY_BROKER_URL"):
            pids.append(stack.enter_context(celery_worker()))
        yield Server(
            url=f"http://127.0.0.1:{port}",
            pids=pids,
            database=database,
            sessions=sessions,
            long_sessions=long_sessions,
            count_unanswered=Reply.objects.unfinished().count,
        )


def count_statements(operation: Operation, server: Server) -> int:
    """Have it done here, the second time counting what the database is asked."""
    from django.core.wsgi import get_wsgi_application
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    application = get_wsgi_application()
    first, second = server.sessions.read_text().split()[:2]
    call(application, operation, first, str(uuid.uuid4()))
    connection.ensure_connection()
    with CaptureQueriesContext(connection) as captured:
        call(application, operation, second, str(uuid.uuid4()))
    return len(captured)


def tell(figures: Figures) -> None:
    """Say on stderr how an operation did."""
    print(f"{figures.operation}: {figures.rate:.0f} per second", file=sys.stderr)
