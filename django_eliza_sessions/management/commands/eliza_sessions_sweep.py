"""The sweep from the command line: for cron, or for projects without Celery."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_eliza_sessions.services import replies, sweep


class Command(BaseCommand):
    """Does once, or again and again, what the Celery beat tasks do."""

    help = (
        "Warns about sessions near their deadline, marks those past it as expired, hands "
        "out replies whose holder was lost, and deletes what has outlived RETENTION_DAYS."
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
        self._sweep()
        try:
            while every is not None:
                time.sleep(every)
                self._sweep()
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
