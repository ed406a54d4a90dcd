"""Who asks: the identity every operation starts from (contract, "Access")."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated caller.

    Attributes:
        id: Stable name of the caller, such as ``user:42``; sessions store it as owner.
        is_admin: Whether the caller sees everybody's sessions.
    """

    id: str
    is_admin: bool = False


#: The project itself: for its own code, which acts on nobody's behalf.
SYSTEM = Principal(id="system", is_admin=True)
