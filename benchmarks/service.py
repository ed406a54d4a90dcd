"""The service as production runs it for plain requests, and workers beside it."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.site import BASE, CELERY, THREADS

KEY = "only-for-benchmarks"
OWNER = "key:server"
NOBODY = "benchmarks.backends.dispatch_to_nobody"
RELAYING_THREADS = "django_eliza_sessions.services.jobs.run_in_thread"
RELAYING_CELERY = "django_eliza_sessions.tasks.dispatch_job"
WORKERS = os.cpu_count() or 1
#: Seconds, more than the Procfile lets a server finish what it has begun: who ends it
#: before leaves processes behind.
STOPS_WITHIN = 45
PROCFILE = Path(__file__).parent.parent / "example_project/deploy/Procfile"


@contextmanager
def web_service(port: int, part: str, *, answers: bool) -> Iterator[int]:
    """Run a part of the production recipe; yield the pid of its first process.

    Args:
        part: ``web`` or ``messages``, as the Procfile has them.
        answers: Whether its messages are answered, by Celery where that has a broker, else
            by its own threads; otherwise they are left to a worker that does not run.
    """
    if os.environ.get("CELERY_BROKER_URL"):
        dispatchers = CELERY, RELAYING_CELERY
    else:
        dispatchers = (THREADS, RELAYING_THREADS) if answers else (NOBODY, NOBODY)
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GRANIAN_LOG_LEVEL": "warning",
        f"{part.upper()}_PORT": str(port),
        f"{part.upper()}_WORKERS": str(WORKERS),
    }
    if part == "messages":
        # Its many threads, and those that answer, would keep more than PostgreSQL has.
        environment["BENCH_CONNECTIONS"] = "pool"
    lines = (line.split(": ", 1) for line in PROCFILE.read_text().splitlines())
    command = ("sh", "-c", f"exec {dict(lines)[part]}")
    with running(*command, dispatchers=dispatchers, **environment) as pid:
        wait_for(port)
        yield pid


@contextmanager
def celery_worker() -> Iterator[int]:
    """Run the worker that answers and relays; yield the pid of its first process."""
    celery = (sys.executable, "-m", "celery", "--app", "example_project", "--quiet")
    worker = ("worker", "--queues", "replies,celery", "--pool", "threads")
    options = ("--concurrency", "8", "--loglevel", "error")
    with running(*celery, *worker, *options, dispatchers=(CELERY, RELAYING_CELERY)) as pid:
        yield pid


@contextmanager
def running(
    *command: str, dispatchers: tuple[str, str], **environment: str
) -> Iterator[int]:
    """Run a process until the end; yield its pid."""
    names = ("ELIZA_SESSIONS_REPLY_DISPATCHER", "ELIZA_SESSIONS_JOB_DISPATCHER")
    process = subprocess.Popen(
        command, env=os.environ | environment | dict(zip(names, dispatchers, strict=True))
    )
    with ended(process):
        yield process.pid


@contextmanager
def ended(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """End a process at the end, by force if it does not listen."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(port: int, seconds: float = 60) -> None:
    """Wait until a server of the Sessions API answers.

    Raises:
        RuntimeError: It does not within the time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", f"{BASE}/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise RuntimeError(f"Nobody answers on port {port}.")
