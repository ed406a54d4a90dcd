"""A backend that does what a test tells it to."""

import time
from collections.abc import Iterator
from typing import ClassVar

from django_eliza_sessions.backends.base import AgentBackend, AgentReply, ReplyRequest


class ScriptedBackend(AgentBackend):
    """Follows its agent's options and remembers what it was asked.

    Agent options:
        text: What to answer; "Scripted." unless given.
        chunks: The pieces to say it in, instead of all at once.
        thought, actions: To go with it.
        delay: Seconds to take before each chunk, and before the end.
        error: Message of a ``RuntimeError`` to raise instead of answering.
        error_after: How many chunks come before such an error.
    """

    history_limit = 10
    #: Every request that this process was asked to end, the oldest first; tests clear it.
    requests: ClassVar[list[ReplyRequest]] = []

    def reply(self, request: ReplyRequest) -> AgentReply:
        """Answer as the agent's options say."""
        self.requests.append(request)
        options = request.options
        time.sleep(options.get("delay", 0))
        if "error" in options or "error_after" in options:
            raise RuntimeError(options.get("error", "Scripted."))
        text = "".join(options.get("chunks", ["Scripted."]))
        return AgentReply(
            text=options.get("text", text),
            thought=options.get("thought"),
            actions=tuple(options.get("actions", ())),
        )

    def stream(self, request: ReplyRequest) -> Iterator[str | AgentReply]:
        """Say the chunks, then answer."""
        for chunk in request.options.get("chunks", [])[
            : request.options.get("error_after")
        ]:
            time.sleep(request.options.get("delay", 0))
            if request.cancelled.is_set():
                return
            yield chunk
        yield self.reply(request)
