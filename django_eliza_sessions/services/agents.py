"""Finding the agent somebody wants to talk to."""

from uuid import UUID

from django_eliza_sessions.exceptions import AgentNotFoundError
from django_eliza_sessions.models import Agent


def get_agent(*, agent_id: UUID) -> Agent:
    """Return an agent that may be talked to.

    Raises:
        AgentNotFoundError: There is no such agent, or it is disabled.
    """
    agent = Agent.objects.filter(pk=agent_id).first()
    return check_enabled(agent, agent_id)


def check_enabled(agent: Agent | None, agent_id: UUID) -> Agent:
    """Return the agent if it exists and is enabled.

    Raises:
        AgentNotFoundError: It does not, or is not.
    """
    if agent is None or not agent.enabled:
        raise AgentNotFoundError(
            f"There is no enabled agent {agent_id}.", agent_id=str(agent_id)
        )
    return agent
