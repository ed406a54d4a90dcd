"""Who asks: the identity every operation starts from (contract, "Access")."""

from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

#: What the names of the project's users begin with, and those of API keys.
USER, KEY = "user:", "key:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated caller.

    Attributes:
        id: Stable name of the caller, such as ``user:42``; sessions store it as owner.
        is_admin: Whether the caller sees everybody's sessions.
        user_id: The only user the caller may open sessions for; ``None`` for anybody.
        agent_ids: The only agents the caller may have to do with; ``None`` for all.
    """

    id: str
    is_admin: bool = False
    user_id: UUID | None = None
    agent_ids: frozenset[UUID] | None = None

    @property
    def sees_only(self) -> str | None:
        """Whose sessions the caller sees; ``None`` for everybody's."""
        return None if self.is_admin else self.id

    def may_use_agent(self, agent_id: UUID) -> bool:
        """Tell whether the caller may have to do with an agent."""
        return self.agent_ids is None or agent_id in self.agent_ids


#: The project itself: for its own code, which acts on nobody's behalf.
SYSTEM = Principal(id="system", is_admin=True)
#: Whoever runs a command, and so has the machine.
OPERATOR = Principal(id="operator", is_admin=True)


def id_of_user(user: Any) -> str:
    """Return the name of one of the project's users as a caller."""
    return f"{USER}{user.pk}"


def derive_user_id(principal_id: str) -> UUID:
    """Return the user that stands for a caller who has none of its own.

    It hangs on the name alone, so it is the same in every process, and for ever.
    """
    return uuid5(NAMESPACE_URL, f"django-eliza-sessions:{principal_id}")
