"""The service as it is measured: its processes, what they use, and how to call them."""

import asyncio
import http.client
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PORT = int(os.environ.get("PORT", "3999"))
BASE = "/api/messaging/sessions"
THREADS = "django_eliza_sessions.services.answering.dispatch_to_thread"
CELERY = "django_eliza_sessions.tasks.dispatch_reply"


@contextmanager
def web_process(dispatcher: str = THREADS) -> Iterator[int]:
    """Run one ASGI process; yield its pid."""
    # The factory is Django's: the example's own application loads its ELIZA, too.
    application = ("--factory", "django.core.asgi:get_asgi_application")
    options = ("--port", str(PORT), "--log-level", "warning", "--lifespan", "off")
    with _python("uvicorn", *application, *options, dispatcher=dispatcher) as pid:
        for _ in range(100):
            try:
                asyncio.run(request("GET", f"{BASE}/health"))
                break
            except OSError:
                time.sleep(0.1)
        yield pid


@contextmanager
def worker_process() -> Iterator[None]:
    """Run one Celery worker that answers."""
    celery = ("celery", "--app", "example_project", "--quiet")
    worker = ("worker", "--queues", "replies", "--pool", "threads", "--concurrency", "2")
    with _python(*celery, *worker, "--loglevel", "error", dispatcher=CELERY):
        yield


@contextmanager
def _python(*command: str, dispatcher: str) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | {"ELIZA_SESSIONS_REPLY_DISPATCHER": dispatcher},
    )
    try:
        yield process.pid
    finally:
        process.kill()  # What it is still at is of no interest.
        process.wait()


def make_session(**agent: object) -> str:
    """Return a new session's id, with an agent of its own."""
    from django_eliza_sessions.models import Agent
    from django_eliza_sessions.principals import SYSTEM
    from django_eliza_sessions.services.lifecycle import create_session

    partner = Agent.objects.create(name="Bench", **agent)
    session = create_session(principal=SYSTEM, agent_id=partner.pk, user_id=uuid.uuid4())
    return str(session.pk)


def send(session_id: str, transport: str) -> None:
    """Send a message, and wait for what that answers."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    body = json.dumps({"content": "Hello", "transport": transport})
    headers = {"Content-Type": "application/json"}
    connection.request("POST", f"{BASE}/{session_id}/messages", body, headers)
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    connection.close()


async def request(method: str, path: str) -> bytes:
    """Send a request without a body; return the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    return answer


async def open_stream(session_id: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a message and leave its stream open, once that has begun."""
    body = json.dumps({"content": "Hello", "transport": "sse"}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(
        f"POST {BASE}/{session_id}/messages HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    await reader.readuntil(b"event: user_message")
    return reader, writer


async def chunks(reader: asyncio.StreamReader) -> list[tuple[str, float]]:
    """Return the texts of a stream's chunks, each with the time it was heard."""
    heard: list[tuple[str, float]] = []
    while b"event: done" not in (line := await reader.readline()):
        if line.startswith(b"data:") and b'"chunk"' in line:
            data: dict[str, Any] = json.loads(line[5:])
            heard.append((data["chunk"], time.time()))
    return heard


def resident_megabytes(pid: int) -> float:
    """Return the memory of a process (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def cpu_seconds(pid: int) -> float:
    """Return what a process has used of the CPU so far (Linux)."""
    return sum(_times(f"/proc/{pid}/stat")[:2])


def postgresql_seconds() -> float:
    """Return what PostgreSQL on this machine has used so far, ended processes included."""
    seconds = 0.0
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text() == "postgres\n":
                seconds += sum(_times(path.with_name("stat")))
        except OSError:
            continue  # It has just ended, and counts as its parent's child.
    return seconds


def _times(stat: str | Path) -> list[float]:
    """Return a process's user, system, children's user and children's system time."""
    fields = Path(stat).read_text().rpartition(")")[2].split()
    return [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:15]]
