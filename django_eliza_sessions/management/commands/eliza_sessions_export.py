"""Everything of a user, as NDJSON."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_eliza_sessions.content import parse_uuid
from django_eliza_sessions.exceptions import SessionsError
from django_eliza_sessions.management.operator import OperatorCommand
from django_eliza_sessions.principals import OPERATOR
from django_eliza_sessions.services import export

#: Lines between two notes of progress.
STEP = 1000


class Command(OperatorCommand):
    """Writes everything that is held of a user."""

    help = "Writes everything that is held of a user as NDJSON: an object a line."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whose, and where to."""
        parser.add_argument("--user", required=True, metavar="UUID", help="the userId")
        parser.add_argument(
            "--output",
            metavar="FILE",
            help="a new file, readable for its owner only (default: standard output)",
        )

    def handle(self, *_args: Any, user: str, output: str | None, **_options: Any) -> None:
        """Write it."""
        try:
            user_id = parse_uuid(user, "--user")
        except SessionsError as error:
            raise CommandError(error.details) from error
        records = export.export_user(principal=OPERATOR, user_id=user_id)
        count = 0
        with ExitStack() as stack:
            write = self._writer(output, stack)
            for count, record in enumerate(records, start=1):
                write(export.line_of(record))
                if self.stderr.isatty() and count % STEP == 0:
                    self.stderr.write(f"\r{count} objects", ending="")
                    self.stderr.flush()
        if self.stderr.isatty():
            self.stderr.write(f"\r{count} objects")

    def _writer(self, output: str | None, stack: ExitStack) -> Callable[[str], object]:
        if output is None:
            return self.stdout.write
        try:
            Path(output).touch(mode=0o600, exist_ok=False)
        except OSError as error:
            raise CommandError(f"{output} cannot be made: {error.strerror}.") from error
        return stack.enter_context(Path(output).open("w")).write
