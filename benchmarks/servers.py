"""A server of the Sessions API that runs, ours or another, and what it costs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.databases import PostgreSQL, SQLite
from benchmarks.driving import drive
from benchmarks.measuring import Figures, Scales
from benchmarks.operations import Operation
from benchmarks.service import KEY

#: Seconds of asking before what is measured, and of sending messages to be answered.
WARM_UP, BURST = 2, 4
#: Without news for so long, what is not answered will not be.
PATIENCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What is asked.

    Attributes:
        url: Without a path.
        pids: Of its processes, without their children.
        sessions: A file with ids of sessions to ask about, one per line.
        long_sessions: Likewise, of those with a long history.
        count_unanswered: Returns how many messages have no reply yet, and a constant.
    """

    url: str
    pids: list[int]
    database: PostgreSQL | SQLite
    sessions: Path
    long_sessions: Path
    count_unanswered: Callable[[], int]

    def warm_up(self, operation: Operation) -> None:
        """Have everything loaded that an operation needs."""
        self.measure(operation, WARM_UP)

    def measure(
        self, operation: Operation, seconds: float, statements: int | None = None
    ) -> Figures:
        """Have an operation done again and again; return what it costs.

        Args:
            seconds: For how long; one that needs a worker is asked for in a burst, and
                takes until the last reply is there.
            statements: What it asks the database, if known.
        """
        file = self.long_sessions if operation.is_long else self.sessions
        unanswered = self.count_unanswered() if operation.needs_worker else 0
        scales, began_at = Scales(self.pids, self.database), time.monotonic()
        if operation.needs_worker:
            driven = drive(self.url, operation, file, KEY, BURST)
            left, last_at = self._wait_for_replies(unanswered)
            requests, took = driven.requests - left, last_at - began_at
            driven = replace(driven, requests=requests, seconds=took, p50=None, p99=None)
        else:
            driven = drive(self.url, operation, file, KEY, seconds)
        return scales.weigh(operation.name, driven, statements)

    def _wait_for_replies(self, unanswered: int) -> tuple[int, float]:
        """Return how many stay away, and when the last one came."""
        left, last_at = self.count_unanswered() - unanswered, time.monotonic()
        while left > 0 and time.monotonic() < last_at + PATIENCE:
            time.sleep(0.1)
            now_left = self.count_unanswered() - unanswered
            if now_left < left:
                left, last_at = now_left, time.monotonic()
        return left, last_at
