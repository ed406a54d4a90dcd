"""``make run``: the whole example in one terminal, from ``migrate`` to Ctrl-C.

Starts the web server, Celery beat and, with a broker, Celery workers; stops them all
when asked to, or when one of them ends.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import django
from django.core.management import call_command
from django.db import connections

from example_project import settings
from example_project.demo import AGENT_ID, PASSWORD, USERNAME

HOST = os.environ.get("HOST") or "127.0.0.1"
PORT = os.environ.get("PORT") or "3000"
#: Seconds for the parts to stop by themselves.
GRACE = 10
#: Stops the process groups it is told of once its input closes, which it does however
#: this process ends; so even kill -9 leaves nothing behind.
WATCHDOG = f"""
import contextlib, os, signal, sys, time
groups = [int(line) for line in sys.stdin]
for number in signal.SIGTERM, signal.SIGKILL:
    for group in groups:
        with contextlib.suppress(OSError):
            os.killpg(group, number)
    time.sleep({GRACE})
"""

Part = subprocess.Popen[bytes]
say = partial(print, flush=True)


def main() -> int:
    """Serve until stopped; return the exit code.

    It is 0 after Ctrl-C or TERM, and otherwise that of the part that ended by itself.
    """
    try:
        socket.create_server((HOST, int(PORT))).close()
    except (OverflowError, ValueError):
        say(f"PORT must be a number up to 65535, not {PORT}.")
        return 1
    except OSError as error:
        say(f"Cannot serve on {HOST}, port {PORT}: {error.strerror}.")
        say("Another port may be free: make run PORT=3001")
        return 1
    stop_signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: stop_signals.append(number))
    prepare()
    parts: dict[str, Part] = {}
    watchdog = start("-c", WATCHDOG, stdin=subprocess.PIPE)
    try:
        for name, command in commands().items():
            parts[name] = start("-m", *command)
            tell(watchdog, parts[name].pid)
        ended = watch(parts, stop_signals)
    finally:
        stop(parts)
        watchdog.kill()
        watchdog.communicate()
    if ended:
        code = parts[ended].returncode
        say(f"Stopped, because {ended} ended by itself (code {code}).")
        return 128 - code if code < 0 else code or 1
    call_command("eliza_sessions_shutdown")
    return 0


def prepare() -> None:
    """Bring the database up to date, with what one needs to try things."""
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("seed_demo")
    connections.close_all()


def commands() -> dict[str, list[str]]:
    """Return what to run, by the name of the part."""
    celery = ["celery", "--app", "example_project", "--quiet"]
    schedule = str(settings.DATA_DIR / "celerybeat-schedule")
    found = {
        "web": [
            *("uvicorn", "example_project.asgi:application", "--lifespan", "off"),
            *("--host", HOST, "--port", PORT, "--timeout-graceful-shutdown", "5"),
        ],
        "beat": [*celery, "beat", "--schedule", schedule, "--loglevel", "warning"],
    }
    if settings.broker_url:
        # Threads, because answering is waiting for the agent rather than computing.
        worker = [*celery, "worker", "--loglevel", "info", "--pool", "threads"]
        found["sweeper"] = [*worker, "-n", "sweeper", "-Q", "celery", "-c", "2"]
        found["answerer"] = [*worker, "-n", "answerer", "-Q", "replies", "-c", "8"]
    return found


def start(*arguments: str, stdin: int | None = None) -> Part:
    """Start Python in a session of its own, out of reach of the terminal's Ctrl-C."""
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, stdin=stdin, start_new_session=True)  # noqa: S603


def tell(watchdog: Part, group: int) -> None:
    """Put a process group into the watchdog's care."""
    assert watchdog.stdin  # noqa: S101 - a pipe was asked for
    watchdog.stdin.write(b"%d\n" % group)
    watchdog.stdin.flush()


def watch(parts: dict[str, Part], stop_signals: list[int]) -> str | None:
    """Wait for a signal to stop, or return the name of a part that ended."""
    announced = False
    while not stop_signals:
        for name, part in parts.items():
            if part.poll() is not None:
                return name
        if not announced and answers():
            announce(parts)
            announced = True
        time.sleep(0.1)
    return None


def answers() -> bool:
    """Return whether the web server takes connections."""
    with suppress(OSError), socket.create_connection((HOST, int(PORT)), timeout=1):
        return True
    return False


def announce(parts: dict[str, Part]) -> None:
    """Say what there is to try."""
    site = f"http://{HOST}:{PORT}"
    login = f" (log in as {USERNAME}, password {PASSWORD})" if settings.DEBUG else ""
    running = ", ".join(f"{name} (pid {part.pid})" for name, part in parts.items())
    say(f"""
Running: {running}. Stop with Ctrl-C.

  API    {site}/api/messaging/sessions
  Docs   {site}/api/docs/ and {site}/api/redoc/
  Admin  {site}/admin/{login}

Create a session:

  curl {site}/api/messaging/sessions \\
    --header 'Content-Type: application/json' \\
    --data '{{"agentId": "{AGENT_ID}", "userId": "{AGENT_ID}"}}'
""")


def stop(parts: dict[str, Part]) -> None:
    """End every part and whatever it started: politely, and then by force."""
    for part in parts.values():
        signal_group(part, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    for part in parts.values():
        with suppress(subprocess.TimeoutExpired):
            part.wait(max(0, deadline - time.monotonic()))
        signal_group(part, signal.SIGKILL)
        part.wait()


def signal_group(part: Part, number: int) -> None:
    """Send a signal to a part and its children, if any are left."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(part.pid, number)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
    sys.exit(main())
