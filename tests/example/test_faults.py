"""Processes killed in the middle of replies: each ends, and the next one comes."""

import json
import random
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import pytest

from tests.api.sse import Stream
from tests.conftest import BASE
from tests.example.test_celery import broker  # noqa: F401 - a fixture
from tests.services.race import wait_until

pytestmark = pytest.mark.endurance


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
        server.use_backend("slow", seconds=0)  # for whoever comes after the holder
        server.kill(part)

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


def keep_sending(server, session_id: str, accepted: list[str], over: Event) -> None:
    """Send messages until it is over, each again until it is accepted."""
    while not over.is_set():
        request = urllib.request.Request(
            f"{server.url}{BASE}/{session_id}/messages",
            data=json.dumps({"content": f"Message {len(accepted)}"}).encode(),
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": f"{session_id}-{len(accepted)}",
            },
        )
        # A connection may break before or after the message is stored.
        with suppress(OSError), urllib.request.urlopen(request, timeout=60) as response:
            accepted.append(json.load(response)["id"])
        over.wait(0.6)


@pytest.mark.parametrize("kind", ["embedded", "celery"])
def test_killed_at_random_under_load(kind, make_server, request):
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.example.settings",
        "ELIZA_SESSIONS_REPLY_LEASE_SECONDS": "2",
    }
    victims = ["web", "web"]
    if kind == "celery":
        redis = request.getfixturevalue("redis")
        environment["CELERY_BROKER_URL"] = redis.url
        victims = ["answerer", "redis"]
    server = make_server(**environment).start()
    server.use_backend("scripted", chunks=["a", "b", "c"], delay=0.1)
    accepted: dict[str, list[str]] = {server.create_session(): [] for _ in range(3)}
    over, dice = Event(), random.Random()

    with ThreadPoolExecutor() as senders:
        sending = [
            senders.submit(keep_sending, server, session_id, messages, over)
            for session_id, messages in accepted.items()
        ]
        for victim in victims:
            time.sleep(dice.uniform(0.5, 1.5))
            if victim == "redis":
                redis.kill()
                redis.start()
                continue
            server.kill(victim)
        before = {session_id: len(messages) for session_id, messages in accepted.items()}
        wait_until(
            lambda: all(len(accepted[s]) > count for s, count in before.items()),
            "more messages",
        )
        over.set()
    for job in sending:
        job.result()

    for session_id, messages in accepted.items():
        path = f"/{session_id}/messages"

        def replies(path=path, messages=messages):
            return [server.call(f"{path}/{message}/reply") for message in messages]

        wait_until(
            lambda: {r["status"] for r in replies()} <= {"complete", "failed"},
            "all replies",
        )
        history = server.call(f"{path}?limit=100")["messages"][::-1]
        asked = [message["id"] for message in history if not message["isAgent"]]
        said = [message["id"] for message in history if message["isAgent"]]
        # One that failed before it said anything has no message.
        told = [reply["id"] for reply in replies() if "agentResponse" in reply]
        assert asked[: len(messages)] == messages
        assert said[: len(told)] == told
        # The last one may have been stored without its sender hearing of it.
        assert len(asked) <= len(messages) + 1
        for reply in replies():
            text = reply.get("agentResponse", {"text": ""})["text"]
            assert (
                text == "abc" if reply["status"] == "complete" else "abc".startswith(text)
            )
