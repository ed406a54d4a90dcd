"""An ElizaOS server answers: as recorded, and for real where it is installed."""

import shutil
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import httpx2
import pytest

from django_eliza_sessions.backends import AgentReply
from django_eliza_sessions.backends.eliza_server import (
    ElizaServerBackend,
    ElizaServerError,
)
from tests.backends.loopback import answer, keep_silent
from tests.backends.requests import request

ELIZAOS = Path(__file__).parent / "elizaos"
AGENT = "b850bc30-45f8-0041-a00a-83df46d8555d"
#: What ElizaOS 1.7.2 answered.
ANSWER = {
    "success": True,
    "userMessage": {
        "id": "33174edc-8d32-40f9-826e-b36871ce9148",
        "channel_id": "11111111-2222-4333-8444-555555555555",
        "message_server_id": "00000000-0000-0000-0000-000000000000",
        "author_id": "9f8e7d6c-5b4a-4c3d-8e2f-1a0b9c8d7e6f",
        "content": "Hi there",
        "created_at": 1795252038050,
        "source_type": "django",
        "metadata": {"isDm": True, "targetUserId": AGENT},
    },
    "agentResponse": {
        "thought": "Greet them.",
        "actions": ["REPLY"],
        "providers": [],
        "text": "Hello from ElizaOS.",
        "simple": True,
        "responseId": "fde7c83a-911c-4214-9950-246a588d522c",
        "inReplyTo": "54bc7f1e-05c6-0c6f-9571-8827b271ee59",
    },
}
SILENT = {key: value for key, value in ANSWER.items() if key != "agentResponse"}
FAILURE = {"success": False, "error": "Failed to process message in HTTP transport"}
REPLY = AgentReply(text="Hello from ElizaOS.", thought="Greet them.", actions=("REPLY",))


@pytest.fixture
def make(server):
    """Make a backend that asks the server; give any option."""
    made = []

    def make_backend(**options):
        made.append(ElizaServerBackend({"base_url": server.url, **options}))
        return made[-1]

    yield make_backend
    for backend in made:
        backend.client.close()


def test_passes_the_answer_on(server, make):
    server.will(answer(ANSWER, 201))

    assert make().reply(request()) == REPLY


def test_talks_in_a_channel_with_the_session_s_id(server, make):
    server.will(answer(ANSWER, 201))
    asked = request(content="Hi there")

    make().reply(asked)

    path, headers, body = server.requests[0]
    assert path == f"/api/messaging/channels/{asked.session_id}/messages"
    assert body == {
        "author_id": str(asked.user_id),
        "content": "Hi there",
        "message_server_id": "00000000-0000-0000-0000-000000000000",
        "metadata": {"isDm": True, "targetUserId": str(asked.agent_id)},
        "source_type": "django",
        "transport": "http",
    }
    assert "X-API-KEY" not in headers


@pytest.mark.parametrize(
    ("options", "own", "agent_id"),
    [
        pytest.param({"agent_id": AGENT}, {}, AGENT, id="of the backend"),
        pytest.param({"agent_id": "other"}, {"agent_id": AGENT}, AGENT, id="of the agent"),
    ],
)
def test_agent_may_have_another_id_there(server, make, options, own, agent_id):
    server.will(answer(ANSWER, 201))

    make(**options).reply(request(options=own))

    assert server.requests[0][2]["metadata"]["targetUserId"] == agent_id


def test_shows_its_key(server, make, monkeypatch):
    monkeypatch.setenv("ELIZA_KEY", "secret")
    server.will(answer(ANSWER, 201))

    make(api_key_env="ELIZA_KEY").reply(request())

    assert server.requests[0][1]["X-API-KEY"] == "secret"


def test_agent_that_chooses_not_to_answer(server, make):
    server.will(answer(SILENT, 201))

    with pytest.raises(ElizaServerError, match="chose not to answer"):
        make().reply(request())


def test_says_why_the_server_refused_and_asks_only_once(server, make):
    server.will(answer(FAILURE, 500))

    with pytest.raises(ElizaServerError, match=r"500: .*Failed to process"):
        make().reply(request())
    assert len(server.requests) == 1  # The message may have been heard.


def test_waits_no_longer_than_it_may(server, make):
    server.will(keep_silent)

    with pytest.raises(httpx2.ReadTimeout):
        make(timeout=0.2).reply(request())


def test_nobody_listens(server, make):
    server.server_close()

    with pytest.raises(httpx2.ConnectError):
        make().reply(request())


def test_agent_cannot_set_everything(make):
    with pytest.raises(ValueError, match="may only set agent_id, not api_key"):
        make().reply(request(options={"api_key": "secret"}))


def test_names_the_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx2", None)

    [found] = ElizaServerBackend({"base_url": "http://localhost:3000"}).check()

    assert found == (
        "httpx2 is not installed: pip install 'django-eliza-sessions[eliza-server]'."
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"base_url": None}, 'OPTIONS needs a base_url, such as "http://localhost:3000".'),
        ({"base_url": "host"}, 'OPTIONS needs a base_url, such as "http://localhost:3000"'),
        ({"api_key": "secret"}, "OPTIONS must not hold an api_key"),
        ({"agent": "x"}, "OPTIONS has no use for agent; it takes agent_id, api_key_env"),
        ({"api_key_env": "NOWHERE"}, "Neither a Django setting nor an environment"),
        ({"timeout": 0}, "timeout must be a number above 0."),
    ],
)
def test_finds_what_is_wrong(options, problem):
    options = {"base_url": "http://localhost:3000", **options}

    [found] = ElizaServerBackend(options).check()

    assert found.startswith(problem)
    assert "secret" not in found


@pytest.fixture
def elizaos(tmp_path):
    """Run the released server with an agent that needs no model; return its URL."""
    if not (ELIZAOS / "node_modules/@elizaos/server").is_dir():
        pytest.skip("ElizaOS is not installed: npm install --prefix tests/backends/elizaos")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        (tmp_path / "log").open("w+b") as log,
        subprocess.Popen(
            [shutil.which("node"), ELIZAOS / "serve.mjs", str(port), tmp_path / "data"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            ready = any(line == "READY\n" for line in process.stdout)
            log.seek(0)
            assert ready, log.read().decode()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def test_released_server_answers(elizaos):
    session_id, user_id = uuid.uuid4(), uuid.uuid4()
    asked = request(session_id=session_id, user_id=user_id, options={"agent_id": AGENT})
    backend = ElizaServerBackend({"base_url": elizaos})

    assert backend.reply(asked) == REPLY
    assert backend.reply(asked) == REPLY  # the channel is there by now
    channel = backend.client.get(f"/api/messaging/channels/{session_id}/messages")
    backend.client.close()

    said = [message["content"] for message in channel.json()["data"]["messages"]]
    assert said.count("Hello") == 2
