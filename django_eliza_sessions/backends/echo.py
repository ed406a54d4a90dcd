"""An agent that repeats what it hears: the default, and useful for trying things."""

from django_eliza_sessions.backends.base import AgentBackend, AgentReply, ReplyRequest


class EchoBackend(AgentBackend):
    """Answers every message with its own text."""

    def reply(self, request: ReplyRequest) -> AgentReply:
        """Return the user's text."""
        return AgentReply(text=request.content)

    def check(self) -> list[str]:
        """Return what is not understood: a model set for it would never be asked."""
        return [
            f"OPTIONS has no use for {name}; it must be empty." for name in self.options
        ]
