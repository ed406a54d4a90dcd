"""Whether an operation has become much dearer: a quick look for CI.

Carries out a few operations in this process, through the WSGI handler, on PostgreSQL, and
compares their CPU with that of a fixed loop in the same run. So it says the same on fast
and on slow machines, and fails when an operation costs twice what was recorded.
"""

import argparse
import os
import statistics
import sys
import time
import uuid

from benchmarks.cpu import calibrate
from benchmarks.databases import PostgreSQL
from benchmarks.http import DEFAULT_URL
from benchmarks.inprocess import call
from benchmarks.operations import operations
from benchmarks.target import prepare

#: CPU of a request in hundredths of the loop's, the median of several runs.
RECORDED = {
    "health": 4.0,
    "get session": 3.5,
    "history, 50 of 200": 5.6,
    "heartbeat": 3.6,
    "create session": 8.8,
    "message accepted": 7.9,
}
TOLERANCE = 2
SESSIONS, ROUNDS, CALLS = 200, 15, 20


def main() -> None:
    """Measure, print, and fail if something costs too much."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    url = os.environ.get("DATABASE_URL", DEFAULT_URL)
    parser.add_argument(
        "--url", default=url, help="PostgreSQL; a database beside it is used"
    )
    database = PostgreSQL(f"{parser.parse_args().url}_smoke")
    database.drop()
    try:
        measured = _measure(database)
    finally:
        database.drop()
    too_dear = False
    for name, cost in measured.items():
        ratio = cost / RECORDED[name]
        too_dear |= ratio > TOLERANCE
        print(f"{name}: {cost:.2f} hundredths of the loop, {ratio:.2f} x what was recorded")
    if too_dear:
        sys.exit(f"FAILED: more than {TOLERANCE} x what was recorded.")


def _measure(database: PostgreSQL) -> dict[str, float]:
    """Return what each operation costs in the middle one of several rounds.

    Each time beside a loop of the same moment: on some machines the next one is slower.
    """
    prepare(database, SESSIONS, "persistent")
    from django.core.wsgi import get_wsgi_application
    from django.db import connection

    from benchmarks.loading import TALKATIVE
    from django_eliza_sessions.models import Session

    application = get_wsgi_application()
    some = [str(pk) for pk in Session.objects.values_list("pk", flat=True)]
    long_ones = Session.objects.of_user(TALKATIVE)
    longer = [str(pk) for pk in long_ones.values_list("pk", flat=True)]
    costs: dict[str, list[float]] = {name: [] for name in RECORDED}
    for _ in range(ROUNDS):
        for operation in operations():
            if operation.name not in RECORDED:
                continue
            sessions = longer if operation.is_long else some
            loop = calibrate()
            started = time.process_time()
            for number in range(CALLS):
                session = sessions[number % len(sessions)]
                call(application, operation, session, str(uuid.uuid4()))
            took = (time.process_time() - started) * 1000
            costs[operation.name].append(took / CALLS / loop * 100)
    connection.close()
    return {name: statistics.median(found) for name, found in costs.items()}


if __name__ == "__main__":
    main()
