"""A backend that says what time it is, so that a client can tell how late it hears it."""

import time
from collections.abc import Iterator

from django_eliza_sessions.backends import AgentBackend, AgentReply, ReplyRequest


class ClockBackend(AgentBackend):
    """Says the time again and again."""

    def reply(self, request: ReplyRequest) -> AgentReply:
        """Say it once."""
        return AgentReply(text=f"{time.time()} ")

    def stream(self, request: ReplyRequest) -> Iterator[str | AgentReply]:
        """Say it ``times`` times, ``seconds`` apart."""
        for _ in range(request.options["times"]):
            time.sleep(request.options["seconds"])
            yield f"{time.time()} "
        yield AgentReply(text="")
