"""What a backend is: given a message, it returns what the agent says.

Plain Python, so that a backend can be written and tested without Django.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One earlier message of the conversation.

    Attributes:
        is_agent: Whether the agent said it.
        content: What was said.
        is_incomplete: Whether the agent was cut short, by a stop or a failure.
    """

    is_agent: bool
    content: str
    is_incomplete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRequest:
    """A message that wants an answer.

    Attributes:
        content: The user's text.
        metadata: What the user's message carries besides.
        attachments: Objects with ``type`` and ``url``, and ``name``, ``size`` in bytes
            and ``mimeType`` where known.
        history: The messages before it, the oldest first; as many as the backend's
            ``history_limit``.
        options: The agent's own options for its backend.
        cancelled: Set as soon as nobody wants the answer any more.
    """

    agent_id: UUID
    agent_name: str
    session_id: UUID
    user_id: UUID
    message_id: UUID
    content: str
    metadata: Mapping[str, Any]
    attachments: tuple[Mapping[str, Any], ...]
    history: tuple[Turn, ...]
    options: Mapping[str, Any]
    cancelled: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReply:
    """What the agent says.

    Attributes:
        text: The answer itself.
        thought: What the agent thought on the way.
        actions: Names of what the agent did.
        input_tokens: What the model read, where the backend knows.
        output_tokens: What the model wrote, where the backend knows.
    """

    text: str
    thought: str | None = None
    actions: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None

    def metadata(self) -> dict[str, Any]:
        """Return thought and actions, where there are any, as a message stores them."""
        stored: dict[str, Any] = {}
        if self.thought is not None:
            stored["thought"] = self.thought
        if self.actions:
            stored["actions"] = list(self.actions)
        return stored


class AgentBackend(ABC):
    """Answers for agents. One instance serves many threads.

    Args:
        options: The ``OPTIONS`` of its entry in the ``BACKENDS`` setting.
    """

    #: How many earlier messages it wants with each request.
    history_limit: int = 0

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    @abstractmethod
    def reply(self, request: ReplyRequest) -> AgentReply:
        """Answer a message.

        May take its time; no transaction is open. Whatever it raises fails the reply.
        """

    def stream(self, request: ReplyRequest) -> Iterator[str | AgentReply]:
        """Answer piece by piece: texts as they come, and the whole reply at the end.

        Override it, and ``reply`` with it, when the backend can stream. Look at
        ``request.cancelled`` now and then: once it is set nobody wants the rest.
        """
        yield self.reply(request)

    def check(self) -> list[str]:
        """Return what is wrong with the options, a sentence each, for system checks."""
        return []
