"""A running ElizaOS server answers: Django owns the sessions, ElizaOS is the agent."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django_eliza_sessions.backends.base import AgentBackend, AgentReply, ReplyRequest
from django_eliza_sessions.backends.options import check_options, read_key

if TYPE_CHECKING:
    import httpx2

DEFAULTS: Mapping[str, Any] = {
    "base_url": None,
    "api_key_env": None,
    "agent_id": None,
    "timeout": 120,
}
#: ElizaOS calls it its default message server.
MESSAGE_SERVER = "00000000-0000-0000-0000-000000000000"


class ElizaServerError(Exception):
    """The server refused a message, or its agent had nothing to say."""


class ElizaServerBackend(AgentBackend):
    """Asks an agent of an ElizaOS server, over its REST API.

    Each session is one channel there, with the session's own id. ElizaOS makes it with
    the first message and keeps it in its database, so nothing has to be remembered here,
    and the agent's memory outlives restarts of both.

    Options:
        base_url: Such as "http://localhost:3000".
        api_key_env: The environment variable or Django setting that holds the server's
            ``ELIZA_SERVER_AUTH_TOKEN``, if it has one.
        agent_id: The agent's id there; unless given, it is the same as here.
        timeout: Seconds it may take to answer. To connect it gets 5.

    Agent options:
        agent_id: Instead of the backend's.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__({**DEFAULTS, **options})

    def reply(self, request: ReplyRequest) -> AgentReply:
        """Return what the agent answers.

        Raises:
            ElizaServerError: The server refused, or the agent chose to be silent.
            httpx2.HTTPError: It could not be reached, or took too long.
        """
        if refused := request.options.keys() - {"agent_id"}:
            raise ValueError(f"An agent may only set agent_id, not {', '.join(refused)}.")
        agent_id = request.options.get("agent_id") or self.options["agent_id"]
        response = self.client.post(
            f"/api/messaging/channels/{request.session_id}/messages",
            json={
                "author_id": str(request.user_id),
                "content": request.content,
                "message_server_id": MESSAGE_SERVER,
                "metadata": {
                    "isDm": True,
                    "targetUserId": str(agent_id or request.agent_id),
                },
                "source_type": "django",
                "transport": "http",
            },
        )
        if not response.is_success:
            raise ElizaServerError(
                f"ElizaOS answered {response.status_code}: {response.text[:500]}"
            )
        answer = response.json().get("agentResponse") or {}
        if not answer.get("text"):
            raise ElizaServerError("The agent chose not to answer.")
        return AgentReply(
            text=answer["text"],
            thought=answer.get("thought"),
            actions=tuple(answer.get("actions") or ()),
        )

    @cached_property
    def client(self) -> "httpx2.Client":
        """The connections to the server, shared by all threads."""
        # Here, so that without the extra the backend can be made, and say what is missing.
        import httpx2  # noqa: PLC0415

        key = read_key(self.options)
        return httpx2.Client(
            base_url=self.options["base_url"],
            headers={"X-API-KEY": key} if key else {},
            timeout=httpx2.Timeout(self.options["timeout"], connect=5),
        )

    def check(self) -> list[str]:
        """Return what is missing or not understood."""
        problems = list(
            check_options(
                self.options, known=DEFAULTS.keys(), package="httpx2", extra="eliza-server"
            )
        )
        if not str(self.options["base_url"]).startswith(("http://", "https://")):
            problems.append('OPTIONS needs a base_url, such as "http://localhost:3000".')
        timeout = self.options["timeout"]
        if not isinstance(timeout, int | float) or timeout <= 0:
            problems.append("timeout must be a number above 0.")
        return problems
