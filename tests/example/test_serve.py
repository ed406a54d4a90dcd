"""``make run``: it starts, answers, stops, and loses nothing."""

import json
import shlex
import shutil
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
import socketio

from tests.conftest import need
from tests.example.conftest import ROOT, Server, is_alive
from tests.services.race import wait_until


def test_answers_the_documented_request(server: Server):
    need(shutil.which("curl") is not None, "curl is not installed")
    text = Path(__file__).with_name("create_session.sh").read_text()
    command = shlex.split(text.replace("\\\n", " ").replace(":3000", f":{server.port}"))

    answer = subprocess.run([*command, "--silent"], check=True, capture_output=True)

    session = json.loads(answer.stdout)
    assert session["agentId"] == "3c90c3cc-0d44-4b50-8888-8dd25736052a"
    assert session["timeoutConfig"] == {
        "timeoutMinutes": 722,
        "autoRenew": True,
        "maxDurationMinutes": 123,
        "warningThresholdMinutes": 123,
    }


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/", "swagger-ui"),
        ("/chat/", "Chat with Eliza"),
        ("/static/example_project/chat/main.js", "import"),
        ("/api/docs/", "swagger-ui"),
        ("/api/redoc/", "redoc"),
        ("/api/schema/", "openapi: 3.1.1"),
        ("/admin/", "Django administration"),
        ("/static/admin/css/base.css", "body"),
        ("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css", "swagger-ui"),
    ],
)
def test_serves_chat_documentation_and_admin(server: Server, path, content):
    with urllib.request.urlopen(server.url + path) as response:
        assert content in response.read().decode()


def commands_in(text: str) -> list[list[str]]:
    """The curl commands of a text, in its order."""
    text = text.replace("\\\n", " ").replace("$ ", "")
    return [shlex.split(line) for line in text.splitlines() if "curl " in line[:7]]


@pytest.mark.parametrize("where", ["banner", "README.md"])
def test_commands_to_try_work(server: Server, where):
    need(shutil.which("curl") is not None, "curl is not installed")
    text = server.output
    if where != "banner":
        text = (ROOT / where).read_text().replace("http://localhost:3000", server.url)
    create, send = (
        command for command in commands_in(text) if f"{server.port}/" in str(command)
    )

    def run(command):
        done = subprocess.run([*command, "--silent"], check=True, capture_output=True)
        return json.loads(done.stdout)

    session_id = run(create)["sessionId"]
    sent = run([part.replace("SESSION_ID", session_id) for part in send])

    assert sent["agentResponse"]["text"] == server.answers(session_id)[0]


def test_says_where_the_chat_is(server: Server):
    assert f"Chat   {server.url}/chat/" in server.output


def test_documentation_needs_no_other_host(server: Server):
    for path in ("/api/docs/", "/api/redoc/"):
        with urllib.request.urlopen(server.url + path) as response:
            page = response.read().decode()
        assert 'src="http' not in page
        assert '<script src="/static/' in page


def test_demo_login_works(server: Server):
    code = (
        "from django.contrib.auth import authenticate;"
        "print(authenticate(None, username='admin', password='admin'))"
    )
    assert server.shell(code) == "admin"


def test_seeding_again_changes_nothing(server: Server):
    code = (
        "from django.core.management import call_command; call_command('seed_demo');"
        "from django.contrib.auth.models import User;"
        "from django_eliza_sessions.models import Agent;"
        "print(User.objects.count(), Agent.objects.count())"
    )
    assert server.shell(code) == "1 1"


def test_the_doctor_answers(server: Server):
    session = server.create_session()
    sent = server.call(
        f"/{session}/messages", {"content": "Hello there", "transport": "http"}
    )
    assert server.answers(session) == [sent["agentResponse"]["text"]]


def test_serves_sockets(server: Server):
    session_id = server.create_session()
    with socketio.SimpleClient() as client:
        client.connect(server.url, transports=["websocket"])
        client.emit("1", {"channelId": session_id})
        client.emit("2", {"channelId": session_id, "message": "Hello"})
        told = []
        while "messageComplete" not in told:
            told.append(client.receive(timeout=60)[0])
    assert told.count("messageBroadcast") == 2


def test_an_answer_follows_a_message_without_transport(server: Server):
    session = server.create_session()
    sent = server.call(f"/{session}/messages", {"content": "Hello there"})
    assert "agentResponse" not in sent
    wait_until(lambda: server.answers(session), "the answer")


def test_limits_are_those_that_the_documents_advise(make_server):
    unset = {"ELIZA_SESSIONS_CREATE_LIMITS": "", "ELIZA_SESSIONS_MESSAGE_LIMITS": ""}
    server = make_server(**unset).start()
    session_id = server.create_session()
    for path, limit in (("", "10"), (f"/{session_id}/messages", "100")):
        request = urllib.request.Request(
            f"{server.url}/api/messaging/sessions{path}",
            data=b"{}",
            headers={"Content-Type": "application/json"},
        )
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request)
        with raised.value as answer:
            assert (answer.code, answer.headers["RateLimit-Limit"]) == (400, limit)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_without_a_trace(make_server, number):
    server = make_server().start()
    assert {*server.pids} == {"web", "beat"}

    assert server.stop(number) == 0

    assert not any(map(is_alive, server.pids.values()))
    assert "Warning" not in server.output
    assert "Traceback" not in server.output


def test_stopping_ends_sessions_if_asked_to(make_server):
    server = make_server(CLEAR_SESSIONS_ON_SHUTDOWN="true").start()
    server.create_session()

    assert server.stop() == 0

    code = (
        "from django_eliza_sessions.models import Session;"
        "print(Session.objects.ended().count())"
    )
    assert server.shell(code) == "1"


def test_one_part_down_takes_the_others_along(make_server):
    server = make_server().start()
    subprocess.run(["kill", "-KILL", str(server.pids["beat"])], check=True)

    assert server.process.wait(60) == 128 + signal.SIGKILL

    assert not any(map(is_alive, server.pids.values()))
    assert "beat ended by itself" in server.output


def test_killed_itself_it_leaves_no_part_behind(make_server):
    server = make_server().start()
    server.process.kill()
    server.process.wait()
    wait_until(lambda: not any(map(is_alive, server.pids.values())), "the parts' end")


def test_refuses_a_port_that_is_taken(make_server, tmp_path):
    server = make_server()
    with socket.create_server(("127.0.0.1", server.port)):
        server.launch()
        assert server.process.wait(60) == 1
    assert server.output.startswith("Cannot serve on 127.0.0.1, port")
    assert server.output.count("\n") == 2
    assert not (tmp_path / "db.sqlite3").exists()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"DEBUG": "false"}, "DEBUG is false: set SECRET_KEY to a long random text, and"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL must be such as postgres://"),
        (
            {"DATABASE_URL": "postgres://me:pa55word@127.0.0.1:1/mine"},
            "The database cannot be used: connection failed: ",
        ),
    ],
    ids=["no secret key", "no URL", "nobody answers"],
)
def test_says_in_a_line_what_it_lacks(make_server, environment, said):
    server = make_server(PYTHONWARNINGS="ignore", **environment)
    server.launch()

    assert server.process.wait(60) == 1

    assert server.output.startswith(said)
    assert server.output.count("\n") == 1
    assert "pa55word" not in server.output


def test_ctrl_c_while_it_prepares_leaves_no_traceback(make_server):
    # Takes connections, and never says a word.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        server = make_server(DATABASE_URL=f"postgres://me@127.0.0.1:{port}/mine")
        server.launch()
        with silent.accept()[0]:
            assert server.stop(signal.SIGINT) == -signal.SIGINT
    assert server.output == ""


def test_an_empty_variable_counts_as_not_set(tmp_path):
    server = Server(tmp_path, DEBUG="", SECRET_KEY="")
    code = "from django.conf import settings; print(settings.DEBUG, settings.SECRET_KEY)"
    assert server.shell(code) == "True only-for-local-use"


def test_addresses_of_webhooks_are_not_logged(tmp_path):
    code = "import logging; print(logging.getLogger('httpx2').isEnabledFor(logging.INFO))"
    assert Server(tmp_path).shell(code) == "False"


def test_a_killed_web_process_loses_no_answer(make_server):
    server = make_server().start()
    server.use_backend("slow", seconds=3600)
    session = server.create_session()
    # Returns although the agent takes an hour.
    server.call(f"/{session}/messages", {"content": "Hello there"})
    running = (
        "from django_eliza_sessions.models import Reply; "
        "print(Reply.objects.filter(status='running').count())"
    )
    wait_until(lambda: server.shell(running) == "1", "a thread to take the reply")

    subprocess.run(["kill", "-KILL", str(server.pids["web"])], check=True)
    assert server.process.wait(60) == 128 + signal.SIGKILL

    server.use_backend("slow", seconds=0)
    # In place of two minutes for the lease to run out.
    server.shell(
        "from django_eliza_sessions.models import Reply; from datetime import *; "
        "Reply.objects.update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))"
    )
    server.start()
    wait_until(lambda: server.answers(session), "the answer")
