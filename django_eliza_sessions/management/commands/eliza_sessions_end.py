"""Ending everything of a user, from the command line."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from django_eliza_sessions.content import parse_uuid
from django_eliza_sessions.exceptions import SessionsError
from django_eliza_sessions.management.operator import OperatorCommand
from django_eliza_sessions.principals import OPERATOR
from django_eliza_sessions.services import users


class Command(OperatorCommand):
    """Ends the active sessions of a user."""

    help = "Ends every active session of a user; their messages are kept."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the two ways to say whose."""
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--user", metavar="UUID", help="the userId of the sessions")
        whose.add_argument(
            "--django-user",
            metavar="NAME",
            help="a user of this project: ends what they opened, and what is for them",
        )

    def handle(
        self, *_args: Any, user: str | None, django_user: str | None, **_options: Any
    ) -> None:
        """End them, and say how many."""
        if django_user is not None:
            count = users.end_sessions_of_django_user(_find(django_user))
        else:
            try:
                user_id = parse_uuid(user, "--user")
            except SessionsError as error:
                raise CommandError(error.details) from error
            count = users.end_sessions_of_user(principal=OPERATOR, user_id=user_id)
        self.stdout.write(f"{count} sessions ended")


def _find(name: str) -> Any:
    model = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist as error:
        raise CommandError(f"There is no user {name!r}.") from error
