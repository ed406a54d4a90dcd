"""Finding the agent somebody wants to talk to."""

from uuid import UUID

from django_eliza_sessions.exceptions import AgentNotFoundError
from django_eliza_sessions.models import Agent
from django_eliza_sessions.models.agent import Timeouts
from django_eliza_sessions.models.rows import fetch_row
from django_eliza_sessions.principals import Principal

#: What agents set, as this process read it last.
_remembered: dict[UUID, Timeouts] = {}


def find_timeouts(*, principal: Principal, agent_id: UUID, may_guess: bool) -> Timeouts:
    """Return what an agent sets that the caller may talk to.

    Args:
        may_guess: Whether what this process remembers will do: to read it costs as much
            as to store a session, which is when it is looked at anyway.

    Raises:
        AgentNotFoundError: There is no such agent for the caller, or it is disabled.
    """
    if not principal.may_use_agent(agent_id):
        raise agent_not_found(agent_id)
    remembered = _remembered.pop(agent_id, None)
    if remembered is None or not may_guess:
        agent = check_enabled(fetch_row(Agent, id=agent_id), agent_id)
        remembered = agent.timeout_overrides
    _remembered[agent_id] = remembered
    return remembered


def check_enabled(agent: Agent | None, agent_id: UUID) -> Agent:
    """Return the agent if it exists and is enabled.

    Raises:
        AgentNotFoundError: It does not, or is not.
    """
    if agent is None or not agent.enabled:
        raise agent_not_found(agent_id)
    return agent


def agent_not_found(agent_id: UUID) -> AgentNotFoundError:
    """Return the error for an agent that the caller cannot talk to."""
    return AgentNotFoundError(
        f"There is no enabled agent {agent_id}.", agent_id=str(agent_id)
    )
