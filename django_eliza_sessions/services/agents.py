"""Finding the agent somebody wants to talk to."""

from uuid import UUID

from django_eliza_sessions.exceptions import AgentNotFoundError
from django_eliza_sessions.models import Agent
from django_eliza_sessions.models.rows import fetch_row
from django_eliza_sessions.principals import Principal


def find_agent(*, principal: Principal, agent_id: UUID) -> Agent:
    """Return an agent that the caller may talk to.

    Raises:
        AgentNotFoundError: There is no such agent for the caller, or it is disabled.
    """
    may_use = principal.may_use_agent(agent_id)
    agent = fetch_row(Agent, id=agent_id) if may_use else None
    return check_enabled(agent, agent_id)


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
