"""What is measured over HTTP, in the words of any server of the Sessions API."""

import json
from dataclasses import dataclass

from benchmarks.site import BASE

#: Below what the middlewares take for the API, too.
BARE = f"{BASE}-bare"
#: What a request costs that does nothing, and one that reads a row and does not use it.
EMPTY, SELECT = "an empty view", "an empty view, one SELECT"
#: The agent of ElizaOS' default character.
AGENT_ID = "b850bc30-45f8-0041-a00a-83df46d8555d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of request.

    Attributes:
        path: Below the base; ``{session}`` stands for another session each time.
        body: Likewise; ``{uuid}`` stands for a UUID that never was.
        is_long: Whether the sessions are those with a long history.
        part: Of the production recipe, which it is for.
        needs_worker: Whether it is done only when a worker has done its part.
        is_unheard: Whether nobody may answer it, be it later.
        is_bare: Whether it has nothing of this package: see ``benchmarks/urls.py``.
    """

    name: str
    method: str
    path: str
    body: str = ""
    is_long: bool = False
    part: str = "web"
    needs_worker: bool = False
    is_unheard: bool = False
    is_bare: bool = False

    def manner(self) -> tuple[str, bool]:
        """Return which part it is for, and whether there is a worker."""
        return self.part, self.needs_worker


def operations() -> list[Operation]:
    """Return every operation, in the order in which they disturb each other least."""
    create = json.dumps({"agentId": AGENT_ID, "userId": "{uuid}"})
    one, messages = BASE + "/{session}", BASE + "/{session}/messages"
    history = messages + "?limit=50"
    return [
        Operation(name=EMPTY, method="GET", path=f"{BARE}/empty", is_bare=True),
        Operation(name=SELECT, method="GET", path=f"{BARE}/{{session}}", is_bare=True),
        Operation(name="health", method="GET", path=f"{BASE}/health"),
        Operation(name="list page", method="GET", path=f"{BASE}?limit=100"),
        Operation(name="get session", method="GET", path=one),
        Operation(name="history, 50 of 200", method="GET", path=history, is_long=True),
        Operation(name="heartbeat", method="POST", path=f"{one}/heartbeat"),
        Operation(name="renew", method="POST", path=f"{one}/renew"),
        Operation(name="create session", method="POST", path=BASE, body=create),
        Operation(
            name="message, reply inline",
            method="POST",
            path=messages,
            body=_hello("http"),
            part="messages",
        ),
        Operation(
            name="complete reply",
            method="POST",
            path=messages,
            body=_hello("websocket"),
            part="messages",
            needs_worker=True,
        ),
        Operation(
            name="message accepted",
            method="POST",
            path=messages,
            body=_hello("websocket"),
            part="messages",
            is_unheard=True,
        ),
    ]


def _hello(transport: str) -> str:
    return json.dumps({"content": "Hello", "transport": transport})
