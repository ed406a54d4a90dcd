"""Our service on one database of one size, measured in a process of its own."""

import os
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from benchmarks.cpu import children_of
from benchmarks.databases import PostgreSQL, SQLite
from benchmarks.driving import drive
from benchmarks.inprocess import call
from benchmarks.measuring import Figures, Scales
from benchmarks.operations import Operation, operations
from benchmarks.service import KEY, NOBODY, OWNER, celery_worker, web_service
from benchmarks.site import resident_megabytes

#: Seconds of asking before what is measured, and of sending messages to be answered.
WARM_UP, BURST = 2, 4


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

    @property
    def url(self) -> str:
        """Where our server is."""
        return f"http://127.0.0.1:{self.port}"


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
    from benchmarks import loading

    wanted = [
        operation
        for operation in operations(str(loading.AGENT_ID))
        if operation.name in target.names or not target.names
    ]
    with tempfile.TemporaryDirectory() as directory:
        samples = loading.write_sample(Path(directory))
        return _measure(target, wanted, *samples)


def _measure(
    target: Target, wanted: list[Operation], sessions: Path, long_sessions: Path
) -> Measured:
    from benchmarks.loading import settle

    figures: list[Figures] = []
    megabytes = 0.0
    at_once = [operation for operation in wanted if not operation.needs_worker]
    for part, operations_of_it in groupby(at_once, lambda operation: operation.part):
        with web_service(target.port, part, answers=False) as pid:
            for operation in operations_of_it:
                file = long_sessions if operation.is_long else sessions
                figures.append(_measure_one(target, operation, file, pid))
                tell(figures[-1])
            megabytes = max([megabytes, *map(resident_megabytes, children_of(pid))])
    settle()
    for operation in wanted:
        if operation.needs_worker:
            figures.append(_measure_replies(target, operation, sessions))
            tell(figures[-1])
    return Measured(figures, megabytes)


def _measure_one(target: Target, operation: Operation, file: Path, pid: int) -> Figures:
    statements = _count_statements(operation, file)
    drive(target.url, operation, file, KEY, WARM_UP)
    scales = Scales([pid], target.database)
    driven = drive(target.url, operation, file, KEY, target.seconds)
    return scales.weigh(operation.name, driven, statements)


def _measure_replies(target: Target, operation: Operation, sessions: Path) -> Figures:
    """Send messages for a moment, and wait until the last of them is answered."""
    from django_eliza_sessions.models import Reply

    with ExitStack() as stack:
        web = web_service(target.port, operation.part, answers=True)
        pids = [stack.enter_context(web)]
        if os.environ.get("CELERY_BROKER_URL"):
            pids.append(stack.enter_context(celery_worker()))
        # Twice, because the first time everything is still being loaded.
        for _ in range(2):
            scales, began_at = Scales(pids, target.database), time.monotonic()
            driven = drive(target.url, operation, sessions, KEY, BURST)
            while Reply.objects.unfinished().exists():
                time.sleep(0.05)
            took = time.monotonic() - began_at
        return scales.weigh(
            operation.name, replace(driven, seconds=took, p50=None, p99=None)
        )


def _count_statements(operation: Operation, sessions: Path) -> int:
    """Have it done here, the second time counting what the database is asked."""
    from django.core.wsgi import get_wsgi_application
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    application = get_wsgi_application()
    first, second = sessions.read_text().split()[:2]
    call(application, operation, first, str(uuid.uuid4()))
    connection.ensure_connection()
    with CaptureQueriesContext(connection) as captured:
        call(application, operation, second, str(uuid.uuid4()))
    return len(captured)


def tell(figures: Figures) -> None:
    """Say on stderr how an operation did."""
    print(f"{figures.operation}: {figures.rate:.0f} per second", file=sys.stderr)
