"""The end of the whole service, from the command line."""

from typing import Any

from django_eliza_sessions.conf import conf
from django_eliza_sessions.management.operator import OperatorCommand
from django_eliza_sessions.services import ending


class Command(OperatorCommand):
    """Ends every active session if the settings ask for it.

    A process cannot know that it is the last one, so whoever stops the whole service
    calls this once, after its processes have stopped.
    """

    help = "Ends every active session if CLEAR_SESSIONS_ON_SHUTDOWN is true."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """End them, or say why not."""
        if conf.clear_sessions_on_shutdown:
            self.stdout.write(f"{ending.end_all_sessions()} sessions ended")
        else:
            self.stdout.write("Sessions kept: CLEAR_SESSIONS_ON_SHUTDOWN is false.")
