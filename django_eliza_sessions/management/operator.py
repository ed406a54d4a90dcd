"""What all commands share."""

from typing import Any

from django.core.management.base import BaseCommand

from django_eliza_sessions.origin import coming_from
from django_eliza_sessions.principals import OPERATOR


class OperatorCommand(BaseCommand):
    """A command that somebody runs who has the machine: the ``OPERATOR``."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it, each run with a request id of its own."""
        with coming_from("command", actor=OPERATOR.id):
            return super().execute(*args, **options)
