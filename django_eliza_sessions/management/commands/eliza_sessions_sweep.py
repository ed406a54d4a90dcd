"""The sweep from the command line: for cron, or for projects without Celery."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_eliza_sessions.management.operator import OperatorCommand
from django_eliza_sessions.services import jobs, replies, sweep


class Command(OperatorCommand):
    """Does once, or again and again, what the Celery beat tasks do."""

    help = (
        "Warns about sessions near their deadline, marks those past it as expired, hands "
        "out replies whose holder was lost, and events, webhooks and erasures that are "
        "due, and deletes or anonymises what has outlived RETENTION_DAYS."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--every``."""
        parser.add_argument(
            "--every",
            type=float,
            metavar="SECONDS",
            help="keep running, with this many seconds between sweeps",
        )

    def handle(self, *_args: Any, every: float | None, **_options: Any) -> None:
        """Sweep, once or for ever."""
        if every is not None and every <= 0:
            raise CommandError("--every needs a number of seconds above 0.")
        if every is None:
            self._sweep()
            # There is no later: a thread that did them would end with this process.
            jobs.recover_jobs(jobs.run_job)
            return
        try:
            while True:
                self._sweep()
                jobs.recover_jobs()
                time.sleep(every)
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")

    def _sweep(self) -> None:
        swept = sweep.sweep_sessions()
        recovered = replies.recover_replies()
        purged = sweep.purge_sessions()
        self.stdout.write(
            f"{swept.warned} warned, {swept.expired} expired, "
            f"{recovered} replies recovered, {purged} purged"
        )
