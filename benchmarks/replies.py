"""What a reply costs, how soon it is heard, and what many open streams weigh.

Run by ``make bench-replies``; prints a line for each.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import django

from benchmarks import peer, site

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
os.environ["ELIZA_SESSIONS_REPLY_DISPATCHER"] = "benchmarks.backends.dispatch_to_nobody"
os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="eliza-bench-"))
MESSAGES = 300
STREAMS = 200
LISTENINGS = 20
T = TypeVar("T")


def main() -> None:
    """Measure everything."""
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    print(f"database: {connection.vendor}, Python {sys.version.split()[0]}")
    measure_overhead()
    with site.web_process() as pid:
        compare_with_peer(pid)
        asyncio.run(measure_latency("a thread of the web process"))
    if os.environ.get("CELERY_BROKER_URL"):
        with site.web_process(site.CELERY), site.worker_process():
            asyncio.run(measure_latency("a Celery worker"))
    else:
        print("chunks of a Celery worker: not measured, CELERY_BROKER_URL is not set")
    with site.web_process() as pid:
        asyncio.run(measure_streams(pid))


def measure_overhead() -> None:
    """Measure the CPU of storing messages, and of answering them outside the backend."""
    from django_eliza_sessions.models import Reply
    from django_eliza_sessions.principals import SYSTEM
    from django_eliza_sessions.services.answering import answer_reply
    from django_eliza_sessions.services.messages import send_message

    session_id = uuid.UUID(site.make_session())

    def store() -> Reply:
        return send_message(principal=SYSTEM, session_id=session_id, content="Hello").reply

    def answer(reply: Reply) -> None:
        assert answer_reply(reply_id=reply.pk)

    answer(store())  # What happens only once is not of interest.
    storing = answering = 0.0
    for _ in range(MESSAGES):
        took, reply = cpu_of(store)
        storing += took
        took, _ = cpu_of(partial(answer, reply))
        answering += took
    print(f"CPU of storing a message: {storing / MESSAGES * 1000:.2f} ms")
    print(f"CPU per reply outside the backend: {answering / MESSAGES * 1000:.2f} ms")


def cpu_of(work: Callable[[], T]) -> tuple[float, T]:
    """Return the seconds of CPU that this process takes for something, and its result."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def compare_with_peer(pid: int) -> None:
    """Measure whole messages over HTTP, as the peer was measured, and print both."""
    from django_eliza_sessions.models import Reply

    sessions = [site.make_session() for _ in range(10)]

    def send(transport: str, count: int) -> None:
        for number in range(count):
            site.send(sessions[number % len(sessions)], transport)
        while Reply.objects.unfinished().filter(session_id__in=sessions).exists():
            time.sleep(0.05)

    measured = {}
    for what, transport in (
        ("message, reply inline", "http"),
        ("complete reply", "websocket"),
    ):
        send(transport, len(sessions))
        server, postgresql = site.cpu_seconds(pid), site.postgresql_seconds()
        send(transport, MESSAGES)
        server = site.cpu_seconds(pid) - server
        postgresql = site.postgresql_seconds() - postgresql
        measured[what] = (server / MESSAGES * 1e6, postgresql / MESSAGES * 1e6)
    peer.print_beside(measured)


async def measure_latency(speaker: str) -> None:
    """Measure from the backend's word to the client's ear, both at the web process."""
    session_id = await asyncio.to_thread(
        site.make_session, backend="clock", backend_options={"times": 3, "seconds": 0.11}
    )
    firsts, others = [], []
    for listening in range(LISTENINGS + 1):
        reader, writer = await site.open_stream(session_id)
        first, *rest = [
            (heard_at - float(said.split()[0])) * 1000
            for said, heard_at in await site.chunks(reader)
        ]
        writer.close()
        if listening:  # The first also waits for whatever is to be loaded.
            firsts.append(first)
            others += rest
    print(
        f"chunks of {speaker}, from its word to the SSE client: "
        f"first median {statistics.median(firsts):.0f} ms, largest {max(firsts):.0f} ms; "
        f"others {statistics.median(others):.0f} and {max(others):.0f} ms"
    )


async def measure_streams(pid: int) -> None:
    """Measure memory and plain requests, without and with many open streams."""
    print(f"plain request, no streams: {await plain_requests():.1f} ms")
    print(f"memory without streams: {site.resident_megabytes(pid):.0f} MB")
    sessions = [
        await asyncio.to_thread(
            site.make_session, backend="clock", backend_options={"times": 1, "seconds": 20}
        )
        for _ in range(STREAMS)
    ]
    # One after the other: so many requests at the same moment would be weighed with them.
    streams = [await site.open_stream(session_id) for session_id in sessions]
    print(f"plain request, {STREAMS} streams: {await plain_requests():.1f} ms")
    print(f"memory with {STREAMS} streams: {site.resident_megabytes(pid):.0f} MB")
    for _reader, writer in streams:
        writer.close()


async def plain_requests() -> float:
    """Return the median milliseconds of a plain request."""
    took = []
    for _ in range(100):
        started = time.perf_counter()
        await site.request("GET", f"{site.BASE}/{uuid.uuid4()}")
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


if __name__ == "__main__":
    main()
