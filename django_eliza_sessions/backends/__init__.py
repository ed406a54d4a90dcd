"""Who answers: backends behind one base class, chosen by alias."""

from django_eliza_sessions.backends.base import (
    AgentBackend,
    AgentReply,
    ReplyRequest,
    Turn,
)
from django_eliza_sessions.backends.handler import UnknownBackendError, backends

__all__ = [
    "AgentBackend",
    "AgentReply",
    "ReplyRequest",
    "Turn",
    "UnknownBackendError",
    "backends",
]
