"""One operation, driven and weighed."""

import os
import resource
import time
from dataclasses import dataclass
from operator import attrgetter

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


@dataclass(frozen=True, slots=True)
class InTurns:
    """The figures of one operation on several servers, which took turns.

    Attributes:
        figures: Of each round, by the server's name.
    """

    figures: dict[str, list[Figures]]

    def all(self) -> list[Figures]:
        """Return the figures of all servers and rounds."""
        return [each for rounds in self.figures.values() for each in rounds]

    def middle(self, name: str) -> Figures | None:
        """Return a server's round in the middle by its rate, if it has any."""
        rounds = sorted(self.figures.get(name, []), key=attrgetter("rate"))
        return rounds[len(rounds) // 2] if rounds else None

    def ratios(self, name: str, other: str) -> list[float]:
        """Return a server's rate over another's in each round, the lowest first."""
        rounds = zip(self.figures[name], self.figures.get(other, []), strict=False)
        return sorted(one.rate / another.rate for one, another in rounds)


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
