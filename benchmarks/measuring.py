"""One operation, driven and weighed."""

import os
import resource
import time
from dataclasses import dataclass

from benchmarks.cpu import machine_seconds, tree_seconds
from benchmarks.databases import PostgreSQL, SQLite
from benchmarks.driving import Drive


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one operation costs; ``None`` for what was not measured.

    Attributes:
        rate: Requests per second, or complete replies.
        p50, p99: Milliseconds to the answer.
        server, database: Microseconds of CPU per request.
        statements: Per request, the beginnings and ends of transactions included.
        wal: Bytes per request.
        others: Which part of the machine somebody else used meanwhile.
    """

    operation: str
    rate: float
    p50: float | None = None
    p99: float | None = None
    server: float
    database: float | None = None
    statements: int | None = None
    wal: float | None = None
    others: float


class Scales:
    """What has been used of everything since a moment."""

    def __init__(self, pids: list[int], database: PostgreSQL | SQLite | None) -> None:
        self.pids, self.database = pids, database
        self.began_at, self.before = time.monotonic(), self._read()

    def _read(self) -> tuple[float, float, float, float, float]:
        driver = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = resource.getrusage(resource.RUSAGE_SELF)
        return (
            sum(map(tree_seconds, self.pids)),
            (self.database and self.database.seconds()) or 0.0,
            self.database.wal_bytes() if self.database else 0,
            machine_seconds(),
            driver.ru_utime + driver.ru_stime + own.ru_utime + own.ru_stime,
        )

    def weigh(
        self, operation: str, driven: Drive, statements: int | None = None
    ) -> Figures:
        """Return what each request used; call it when the last one is done."""
        seconds = time.monotonic() - self.began_at
        used = [now - then for now, then in zip(self._read(), self.before, strict=True)]
        server, database, wal, machine, ourselves = used
        requests = max(1, driven.requests)  # None is answered by a server that is too busy.
        per_request = 1e6 / requests
        return Figures(
            operation=operation,
            rate=driven.requests / driven.seconds,
            p50=driven.p50,
            p99=driven.p99,
            server=server * per_request,
            database=database * per_request if database else None,
            statements=statements,
            wal=wal / requests if wal else None,
            others=max(0.0, machine - server - database - ourselves)
            / seconds
            / (os.cpu_count() or 1),
        )
