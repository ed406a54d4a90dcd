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

from tests.conftest import need
from tests.example.conftest import Server, is_alive, wait_until


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
        ("/api/docs/", "swagger-ui"),
        ("/api/redoc/", "redoc"),
        ("/api/schema/", "openapi: 3.1.1"),
        ("/admin/", "Django administration"),
        ("/static/admin/css/base.css", "body"),
        ("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css", "swagger-ui"),
    ],
)
def test_serves_documentation_and_admin(server: Server, path, content):
    with urllib.request.urlopen(server.url + path) as response:
        assert content in response.read().decode()


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


def test_an_answer_follows_a_message_without_transport(server: Server):
    session = server.create_session()
    sent = server.call(f"/{session}/messages", {"content": "Hello there"})
    assert "agentResponse" not in sent
    wait_until(lambda: server.answers(session), "the answer")


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
