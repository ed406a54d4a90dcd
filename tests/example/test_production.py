"""The production recipe, run for real: its processes, its proxy, and how they stop."""

import http.client
import os
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest
import socketio

from tests.api.sse import Stream
from tests.conftest import need
from tests.example.conftest import ROOT
from tests.example.production import (
    BY_NGINX,
    DEPLOY,
    KEY,
    PROCFILE,
    SITE,
    Nginx,
    Production,
    environment,
)
from tests.example.test_celery import postgresql_database
from tests.servers import Redis
from tests.services.race import wait_until

CALLER = BY_NGINX | {"X-API-KEY": KEY}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """Everything but the proxy, for all tests of the module."""
    directory = tmp_path_factory.mktemp("production")
    path = environment(directory)["PATH"]
    need(shutil.which("granian", path=path) is not None, "granian is not installed")
    with postgresql_database() as database:
        redis = Redis(directory)
        site = Production(
            directory,
            DATABASE_URL=database,
            CELERY_BROKER_URL=redis.url,
            REDIS_URL=redis.url,
        )
        try:
            site.launch(*PROCFILE)
            yield site
        finally:
            site.stop()
            redis.kill()


@pytest.fixture
def site(running: Production) -> Production:
    """All of it as it is started, with the agent as it was made."""
    ended = [name for name, part in running.parts.items() if part.poll() is not None]
    running.launch(*ended)
    running.call_on("web")
    running.use_backend("default")
    return running


@pytest.fixture
def nginx(tmp_path: Path, site: Production) -> Iterator[Nginx]:
    nginx = Nginx(tmp_path, site.ports)
    yield nginx
    nginx.stop()


def test_the_documented_environment_passes_every_check(tmp_path):
    finished = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level=WARNING"],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


def test_the_documented_environment_wants_a_secret(tmp_path):
    finished = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=environment(tmp_path, SECRET_KEY=""),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "set SECRET_KEY to a long random text" in finished.stderr


def test_systemd_understands_the_unit(tmp_path):
    program = shutil.which("systemd-analyze")
    need(program is not None, "systemd is not installed")
    unit = tmp_path / "eliza@web.service"
    unit.write_text((DEPLOY / "eliza@.service").read_text())
    finished = subprocess.run(
        [program, "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stderr) == (0, "")


def ready_workers(server: int) -> set[int]:
    """The processes that answer a server's requests, each on threads of its own."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text()
    return {
        pid
        for pid in map(int, children.split())
        if os.sched_getscheduler(pid) == os.SCHED_BATCH
        and len(list(Path(f"/proc/{pid}/task").iterdir())) > 2
    }


def two_new_workers(server: int, before: set[int]) -> set[int]:
    wait_until(lambda: len(ready_workers(server) - before) == 2, "two new workers")
    return ready_workers(server) - before


@pytest.mark.postgresql
@pytest.mark.redis
class TestParts:
    def test_do_their_work(self, site: Production):
        for part in site.ports:
            site.call_on(part)
            wait_until(lambda: site.call("/health")["status"] == "healthy", part)
        site.call_on("web")
        assert b"body" in site.read("/static/admin/css/base.css")
        session = site.create_session()

        site.call(f"/{session}/messages", {"content": "Hello there"})

        wait_until(lambda: site.answers(session), "the worker's answer")
        assert "answer_reply" in site.log_of("answerer")
        site.call_on("stream")
        path = f"/{session}/messages"
        with Stream(site.address, path, {"content": "Hello"}, **CALLER) as stream:
            assert "event: done" in stream.rest()
        assert "Traceback" not in "".join(map(site.log_of, PROCFILE))

    @pytest.mark.parametrize("part", ["web", "messages"])
    def test_that_answer_requests_share_the_cores(self, site: Production, part: str):
        need(hasattr(os, "SCHED_BATCH"), "only Linux lets a process choose its cores")
        server = site.parts[part].pid
        cores = os.sched_getaffinity(server)
        before: set[int] = set()
        for _ in range(2):
            workers = two_new_workers(server, before)
            first, second = map(os.sched_getaffinity, workers)
            assert first | second == cores
            assert not first & second or len(cores) == 1
            for pid in workers:
                threads = [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]
                assert {frozenset(os.sched_getaffinity(thread)) for thread in threads} == {
                    frozenset(os.sched_getaffinity(pid))
                }
            # Replaces one after the other.
            os.kill(server, signal.SIGHUP)
            before |= workers
        two_new_workers(server, before)

    def test_that_fork_leave_the_pool_alone(self, site: Production):
        for part in ("answerer", "sweeper"):
            site.terminate(part)
        command = PROCFILE["answerer"].replace("--pool threads", "--pool prefork")
        command = command.replace("--queues replies", "--queues replies,celery")
        command = command.replace("--concurrency 16", "--concurrency 2")
        site.run("answerer", shlex.split(command))
        sessions = [site.create_session() for _ in range(5)]

        for session in sessions * 3:
            site.call(f"/{session}/messages", {"content": "Hello there"})

        for session in sessions:
            wait_until(lambda session=session: len(site.answers(session)) == 3, "answers")
        site.terminate("answerer")  # The next test wants another one.
        assert "Traceback" not in site.log_of("answerer")


@pytest.mark.postgresql
@pytest.mark.redis
class TestProxy:
    def test_sends_streams_messages_and_all_else_each_its_way(self, site, nginx):
        session = site.create_session()
        path = f"/{session}/messages"
        nginx.post(f"/{session}/heartbeat", {})
        for body in ({}, {"transport": "http"}, {"transport": "sse"}):
            assert nginx.read(path, {"content": "Hello"} | body)
        with Stream(
            nginx.address, path, {"content": "Hello"}, tls=nginx.tls, **CALLER
        ) as stream:
            assert "event: done" in stream.rest()

        assert nginx.get(path)["messages"]

        web, messages, stream = site.ports.values()
        wait_until(lambda: len(nginx.ports_of(path)) == 5, "nginx's log")
        assert nginx.ports_of(f"/{session}/heartbeat") == [web]
        assert nginx.ports_of(path) == [messages, messages, messages, stream, web]

    def test_holds_no_piece_of_a_stream_back(self, site, nginx):
        site.use_backend("slow", seconds=3600)
        session = site.create_session()
        for accept in ("text/event-stream", "*/*"):
            with Stream(
                nginx.address,
                f"/{session}/messages",
                {"content": "Hello", "transport": "sse"},
                tls=nginx.tls,
                **CALLER | {"Accept": accept},
            ) as stream:
                # Nothing comes after it for an hour.
                _, name, message = stream.event()
            assert name == "user_message"
            site.call(f"/{session}/messages/{message['id']}/cancel", {})

    def test_passes_sockets_on(self, site, nginx):
        session = site.create_session()
        with socketio.SimpleClient(ssl_verify=False) as client:
            client.connect(
                nginx.url, auth={"apiKey": KEY}, transports=["websocket"], wait_timeout=30
            )
            client.emit("1", {"channelId": session})
            client.emit("2", {"channelId": session, "message": "Hello"})
            told = []
            while "messageComplete" not in told:
                told.append(client.receive(timeout=60)[0])
        assert told.count("messageBroadcast") == 2

    def test_refuses_what_is_too_large_and_leads_to_https(self, site, nginx):
        session = site.create_session()
        for size, told in ((1_100_000, b"PAYLOAD"), (2_200_000, b"nginx")):
            with pytest.raises(urllib.error.HTTPError) as raised:
                nginx.read(f"/{session}/messages", {"content": "x" * size})
            with raised.value as answer:
                assert answer.code == 413
                assert told in answer.read()
        plain = http.client.HTTPConnection("127.0.0.1", nginx.plain_port, timeout=20)
        plain.request("GET", "/chat/", headers={"Host": SITE})
        with plain.getresponse() as answer:
            assert answer.headers["Location"] == f"https://{SITE}/chat/"
        plain.close()


def keep_sending(site: Production, session: str, accepted: list[str], over: Event) -> None:
    """Send messages until it is over, each again until it is accepted."""
    while not over.is_set():
        key = {"Idempotency-Key": f"{session}-{len(accepted)}"}
        with suppress(OSError):  # Nobody may be there for a moment.
            sent = site.send(session, "websocket", **key)
            accepted.append(sent["userMessage"]["id"])
        over.wait(2)  # as long as the agent thinks


@pytest.mark.postgresql
@pytest.mark.redis
def test_asked_to_stop_parts_finish_what_they_began(site: Production):
    site.use_backend("slow", seconds=2)
    session, other = site.create_session(), site.create_session()
    path = f"/{session}/messages"
    accepted: list[str] = []
    over = Event()

    def is_under_way(count: int) -> bool:
        """Tell whether the reply to the message of this number is."""
        history = site.call(path)["messages"][::-1]
        asked = [message["id"] for message in history if not message["isAgent"]]
        return len(asked) == count and site.status_of(session, asked[-1]) == "running"

    with ThreadPoolExecutor() as callers:
        sending = callers.submit(keep_sending, site, other, accepted, over)

        waiting = callers.submit(site.send, session, "http")
        wait_until(lambda: is_under_way(1), "the part for messages to answer")
        assert site.terminate("messages") == 0
        assert waiting.result()["agentResponse"]["text"]
        site.launch("messages")

        sent = site.send(session, "websocket")["userMessage"]["id"]
        wait_until(lambda: is_under_way(2), "the worker to answer")
        assert site.terminate("answerer") == 0
        assert site.status_of(session, sent) == "complete"
        site.launch("answerer")

        address = ("127.0.0.1", site.ports["stream"])
        with Stream(address, path, {"content": "Hello"}, **CALLER) as stream:
            assert stream.event()[1] == "user_message"
            # As with systemd, a process that its signal ends has ended well.
            assert site.terminate("stream") in (0, -signal.SIGTERM)
            assert "event: done" in stream.rest()
        site.launch("stream")

        for part in ("web", "sweeper", "beat"):
            assert site.terminate(part) == 0
            site.launch(part)
        over.set()
        sending.result()

    assert accepted
    for message in accepted:
        wait_until(lambda m=message: site.status_of(other, m) == "complete", "all replies")
    history = site.call(f"/{other}/messages?limit=100")["messages"][::-1]
    asked = [message["id"] for message in history if not message["isAgent"]]
    assert asked[: len(accepted)] == accepted
    assert "Traceback" not in "".join(map(site.log_of, PROCFILE))


@pytest.mark.postgresql
@pytest.mark.redis
def test_a_stream_that_is_cut_off_goes_on_elsewhere(site: Production):
    site.use_backend("slow", seconds=3600)
    path = f"/{site.create_session()}/messages"
    address = ("127.0.0.1", site.ports["stream"])

    with Stream(address, path, {"content": "Hello"}, **CALLER) as stream:
        message = stream.event()[2]["id"]
        assert site.terminate("stream") in (0, -signal.SIGTERM)

    address = ("127.0.0.1", site.ports["web"])
    with Stream(
        address, f"{path}/{message}/reply", **CALLER | {"Last-Event-ID": "0"}
    ) as stream:
        assert stream.block() == ": keep-alive\n\n"
        site.call(f"{path}/{message}/cancel", {})
        assert "event: error" in stream.rest()
