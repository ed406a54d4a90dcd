"""Who answers in the benchmarks, if anybody."""

import time
from collections.abc import Iterator
from uuid import UUID

from django_eliza_sessions.backends import AgentBackend, AgentReply, ReplyRequest


class ClockBackend(AgentBackend):
    """Says the time again and again, so that a client can tell how late it hears it."""

    def reply(self, request: ReplyRequest) -> AgentReply:
        """Say it once."""
        return AgentReply(text=f"{time.time()} ")

    def stream(self, request: ReplyRequest) -> Iterator[str | AgentReply]:
        """Say it ``times`` times, ``seconds`` apart."""
        for _ in range(request.options["times"]):
            time.sleep(request.options["seconds"])
            yield f"{time.time()} "
        yield AgentReply(text="")


class CannedBackend(AgentBackend):
    """Says the same again and again; is told as much of the conversation as a model."""

    history_limit = 20

    def reply(self, request: ReplyRequest) -> AgentReply:
        """Say it."""
        return AgentReply(text="Hello from the benchmark.")


def dispatch_to_nobody(work: UUID | str) -> None:
    """Leave a reply, or a job, to a worker that is not there."""
