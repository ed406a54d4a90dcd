"""A backend that waits for its lines, so that a test decides what happens when."""

from collections.abc import Iterator
from queue import Empty, SimpleQueue
from threading import Event
from typing import ClassVar

from django_eliza_sessions.backends import AgentBackend, AgentReply, ReplyRequest


class PromptedBackend(AgentBackend):
    """Says each line when a test prompts it, until a reply or an error."""

    lines: ClassVar[SimpleQueue[str | AgentReply | Exception]] = SimpleQueue()
    #: Set while nobody speaks.
    silent: ClassVar[Event] = Event()

    def reply(self, request: ReplyRequest) -> AgentReply:
        raise NotImplementedError

    def stream(self, request: ReplyRequest) -> Iterator[str | AgentReply]:
        self.silent.clear()
        lines = self.lines
        try:
            while not request.cancelled.is_set():
                try:
                    line = lines.get(timeout=0.02)
                except Empty:
                    continue
                if isinstance(line, Exception):
                    raise line
                yield line
                if isinstance(line, AgentReply):
                    return
        finally:
            self.silent.set()


class Prompter:
    """Prompts the agent that the test talks to."""

    def __init__(self) -> None:
        # New ones, for one that an earlier test left behind must not hear these lines.
        PromptedBackend.lines = SimpleQueue()

    def say(self, *texts: str) -> None:
        for text in texts:
            PromptedBackend.lines.put(text)

    def finish(self, text: str = "", **fields: object) -> None:
        """End the reply; the text counts where nothing was said before."""
        PromptedBackend.lines.put(AgentReply(text=text, **fields))

    def fail(self, message: str) -> None:
        PromptedBackend.lines.put(RuntimeError(message))

    def wait_for_silence(self) -> None:
        """Wait until the backend has noticed that nobody listens."""
        assert PromptedBackend.silent.wait(120)
