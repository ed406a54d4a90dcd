"""Processes killed in the middle of a reply: it ends, and the next one comes."""

import os
import signal

import pytest

from tests.api.sse import Stream
from tests.example.conftest import wait_until
from tests.example.test_celery import broker  # noqa: F401 - a fixture


@pytest.mark.parametrize("part", ["web", pytest.param("answerer", marks=pytest.mark.redis)])
def test_holder_killed_while_the_agent_speaks(part, make_server, request):
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.example.settings",
        "ELIZA_SESSIONS_REPLY_LEASE_SECONDS": "2",
    }
    if part == "answerer":
        environment["CELERY_BROKER_URL"] = request.getfixturevalue("broker")
    server = make_server(**environment).start()
    address = ("127.0.0.1", server.port)
    server.use_backend("scripted", chunks=[f"<{i}>" for i in range(10_000)], delay=0.1)
    path = f"/{server.create_session()}/messages"

    with Stream(address, path, {"content": "First"}) as stream:
        first = stream.event()[2]["id"]
        told = [stream.block() for _ in range(3)]
        second = server.call(path, {"content": "Second"})["id"]
        os.kill(server.pids[part], signal.SIGKILL)
        server.process.wait(60)
    server.use_backend("slow", seconds=0)
    server.start()

    wait_until(
        lambda: server.call(f"{path}/{second}/reply")["status"] == "complete", "the next"
    )
    state = server.call(f"{path}/{first}/reply")
    assert state["status"] == "failed"
    assert state["agentResponse"]["incomplete"] is True
    with Stream(address, f"{path}/{first}/reply") as stream:
        whole = stream.rest()
    # What the client had is how it begins, and resuming tells exactly the rest.
    begun = whole.index("id: 1\n")
    assert whole[begun:].startswith("".join(told))
    with Stream(address, f"{path}/{first}/reply", **{"Last-Event-ID": "3"}) as stream:
        assert stream.block() == ": keep-alive\n\n"
        assert stream.rest() == whole[begun + len("".join(told)) :]
    assert whole.count("event: error\n") == 1
    texts = [f"<{i}>" for i in range(10_000)]
    assert "".join(texts).startswith(state["agentResponse"]["text"])
    assert len(server.answers(path.split("/")[1])) == 2
