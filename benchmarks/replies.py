"""What a reply costs, how soon it is heard, and what many open streams weigh.

Run by ``make bench-replies``; prints a table.
"""

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="eliza-bench-"))
PORT = int(os.environ.get("PORT", "3999"))
BASE = "/api/messaging/sessions"
REPLIES = 300
STREAMS = 200


def main() -> None:
    """Measure everything, and print a line each."""
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    print(f"database: {connection.vendor}, Python {sys.version.split()[0]}")
    measure_overhead()
    with server() as pid:
        asyncio.run(measure_latency())
        asyncio.run(measure_streams(pid))


def make_session(**agent: object) -> str:
    """Return a new session's id with an agent of its own."""
    from django_eliza_sessions.models import Agent
    from django_eliza_sessions.principals import SYSTEM
    from django_eliza_sessions.services.lifecycle import create_session

    partner = Agent.objects.create(name="Bench", **agent)
    session = create_session(principal=SYSTEM, agent_id=partner.pk, user_id=uuid.uuid4())
    return str(session.pk)


def measure_overhead() -> None:
    """Measure the CPU of this process per message with its inline reply."""
    from django_eliza_sessions.principals import SYSTEM
    from django_eliza_sessions.services.messages import send_message

    session_id = uuid.UUID(make_session())
    for measured in (False, True):
        before = resource.getrusage(resource.RUSAGE_SELF)
        for number in range(REPLIES):
            send_message(
                principal=SYSTEM,
                session_id=session_id,
                content=f"Message {number}",
                transport="http",
            )
        after = resource.getrusage(resource.RUSAGE_SELF)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if measured:
            print(f"CPU per message with its reply: {used / REPLIES * 1000:.2f} ms")


@contextmanager
def server() -> Iterator[int]:
    """Run one ASGI process; yield its pid."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "uvicorn", "example_project.asgi:application"),
            *("--port", str(PORT), "--log-level", "warning", "--lifespan", "off"),
            *("--timeout-graceful-shutdown", "1"),
        ]
    )
    try:
        for _ in range(100):
            try:
                asyncio.run(request("GET", f"{BASE}/health"))
                break
            except OSError:
                time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


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
    """Send a message and leave its stream open."""
    body = json.dumps({"content": "Hello", "transport": "sse"}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(
        f"POST {BASE}/{session_id}/messages HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    return reader, writer


async def measure_latency() -> None:
    """Measure from the backend's word to the client's ear, in the embedded default."""
    session_id = await asyncio.to_thread(
        make_session, backend="clock", backend_options={"times": 50, "seconds": 0.11}
    )
    reader, writer = await open_stream(session_id)
    delays = []
    while b"event: done" not in (line := await reader.readline()):
        if line.startswith(b"data:") and b'"chunk"' in line:
            said = json.loads(line[5:])["chunk"].split()[0]
            delays.append((time.time() - float(said)) * 1000)
    writer.close()
    print(
        f"backend's word to SSE client: median {statistics.median(delays):.0f} ms, "
        f"largest of {len(delays)} {max(delays):.0f} ms"
    )


async def measure_streams(pid: int) -> None:
    """Measure memory and plain requests, without and with many open streams."""
    print(f"plain request, no streams: {await plain_requests():.1f} ms")
    print(f"memory without streams: {resident_megabytes(pid):.0f} MB")
    sessions = [
        await asyncio.to_thread(
            make_session, backend="clock", backend_options={"times": 1, "seconds": 20}
        )
        for _ in range(STREAMS)
    ]
    streams = [await open_stream(session_id) for session_id in sessions]
    for reader, _writer in streams:
        await reader.readuntil(b"event: user_message")
    print(f"plain request, {STREAMS} streams: {await plain_requests():.1f} ms")
    print(f"memory with {STREAMS} streams: {resident_megabytes(pid):.0f} MB")
    for _reader, writer in streams:
        writer.close()


async def plain_requests() -> float:
    """Return the median milliseconds of a plain request."""
    took = []
    for _ in range(100):
        started = time.perf_counter()
        await request("GET", f"{BASE}/{uuid.uuid4()}")
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


def resident_megabytes(pid: int) -> float:
    """Return the memory of a process (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
