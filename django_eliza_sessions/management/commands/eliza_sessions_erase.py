"""Erasing everything of a user, from the command line."""

import json
import sys
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from django_eliza_sessions.content import parse_uuid
from django_eliza_sessions.exceptions import SessionsError
from django_eliza_sessions.management.operator import OperatorCommand
from django_eliza_sessions.principals import OPERATOR
from django_eliza_sessions.services import erasure

#: The exit status when a legal hold keeps something.
HELD = 3


class Command(OperatorCommand):
    """Erases everything that is held of a user, and writes the receipt."""

    help = (
        "Erases everything that is held of a user, for good; the userId cannot be used "
        "again. Writes the receipt as JSON. Cut short, it goes on when it is repeated. "
        f"Ends with {HELD} when a legal hold keeps a part."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whose, and ``--yes``."""
        parser.add_argument("--user", required=True, metavar="UUID", help="the userId")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *_args: Any, user: str, yes: bool, **_options: Any) -> None:
        """Say what will go, ask, and erase it."""
        try:
            user_id = parse_uuid(user, "--user")
        except SessionsError as error:
            raise CommandError(error.details) from error
        self._show(user_id)
        if not yes:
            self._ask()
        receipt = erasure.receipt_of(
            erasure.erase_user(principal=OPERATOR, user_id=user_id)
        )
        self.stdout.write(json.dumps(receipt, indent=2))
        if held := erasure.count_held(user_id):
            raise CommandError(
                f"Not everything was erased: a legal hold keeps {held} of the user's "
                "sessions. Once it is lifted, erase again.",
                returncode=HELD,
            )

    def _show(self, user_id: UUID) -> None:
        counts = erasure.count_rows(principal=OPERATOR, user_id=user_id)
        for table, count in counts.items():
            self.stderr.write(f"{count:>8}  {table}")
        self.stderr.write(
            f"That is everything of {user_id}, but {erasure.count_held(user_id)} sessions "
            "that a legal hold keeps. It goes for good, and the userId with it."
        )

    def _ask(self) -> None:
        # Not with input(): its question would stand on standard output, before the receipt.
        self.stderr.write("Erase it? Type yes: ", ending="")
        self.stderr.flush()
        if sys.stdin.readline().strip().lower() != "yes":
            raise CommandError("Nothing was erased. To do it without a question: --yes.")
