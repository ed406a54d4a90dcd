"""A backend that does what a test tells it to."""

import time
from typing import ClassVar

from django_eliza_sessions.backends.base import AgentBackend, AgentReply, ReplyRequest


class ScriptedBackend(AgentBackend):
    """Follows its agent's options and remembers what it was asked.

    Agent options:
        text: What to answer; "Scripted." unless given.
        thought, actions: To go with it.
        delay: Seconds to take.
        error: Message of a ``RuntimeError`` to raise instead of answering.
    """

    history_limit = 10
    #: Every request of this process, the oldest first; tests clear it.
    requests: ClassVar[list[ReplyRequest]] = []

    def reply(self, request: ReplyRequest) -> AgentReply:
        """Answer as the agent's options say."""
        self.requests.append(request)
        options = request.options
        time.sleep(options.get("delay", 0))
        if "error" in options:
            raise RuntimeError(options["error"])
        return AgentReply(
            text=options.get("text", "Scripted."),
            thought=options.get("thought"),
            actions=tuple(options.get("actions", ())),
        )
