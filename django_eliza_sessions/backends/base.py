"""What a backend is: given a message, it returns what the agent says.

Plain Python, so that a backend can be written and tested without Django.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One earlier message of the conversation."""

    is_agent: bool
    content: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReply:
    """What the agent says.

    Attributes:
        text: The answer itself.
        thought: What the agent thought on the way.
        actions: Names of what the agent did.
    """

    text: str
    thought: str | None = None
    actions: tuple[str, ...] = ()

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
    history_limit: ClassVar[int] = 0

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    @abstractmethod
    def reply(self, request: ReplyRequest) -> AgentReply:
        """Answer a message.

        May take its time; no transaction is open. Whatever it raises fails the reply.
        """

    def check(self) -> list[str]:
        """Return what is wrong with the options, a sentence each, for system checks."""
        return []
