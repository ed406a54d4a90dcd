"""``make run``: the whole example in one terminal, from ``migrate`` to Ctrl-C.

Starts the web server, Celery beat and, with a broker, Celery workers; stops them all
when asked to, or when one of them ends. Only workers are started again: not every loss
of its broker is one that a Celery worker survives.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import Error, connections

from example_project.demo import AGENT_ID, PASSWORD, USERNAME

# Until there are parts to stop, Ctrl-C simply ends this process.
signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    from example_project import settings
except ImproperlyConfigured as error:
    sys.exit(str(error))

HOST = os.environ.get("HOST") or "127.0.0.1"
PORT = os.environ.get("PORT") or "3000"
#: Seconds for the parts to stop by themselves.
GRACE = 10
#: Parts that are started again when they end, once everything has run.
WORKERS = ("sweeper", "answerer")
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

    It is 0 after Ctrl-C or TERM, 1 if something is missing, and otherwise that of the
    part that ended by itself.
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
    try:
        prepare()
    except Error as error:
        say(f"The database cannot be used: {str(error).splitlines()[0]}")
        return 1
    stop_signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: stop_signals.append(number))
    parts: dict[str, Part] = {}
    watchdog = start("-c", WATCHDOG, stdin=subprocess.PIPE)

    def launch(name: str) -> None:
        parts[name] = start("-m", *commands()[name])
        tell(watchdog, parts[name].pid)

    try:
        for name in commands():
            launch(name)
        ended = watch(parts, stop_signals, launch)
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
    """Bring the database up to date, with what one needs to try things.

    Raises:
        django.db.Error: The database cannot be used.
    """
    # A pool would try again and again, and not say what went wrong.
    settings.DATABASES["default"].get("OPTIONS", {}).pop("pool", None)
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("seed_demo")
    connections.close_all()


def commands() -> dict[str, list[str]]:
    """Return what to run, by the name of the part."""
    celery = ["celery", "--app", "example_project", "--quiet"]
    found = {
        "web": [
            *("uvicorn", "example_project.asgi:application", "--lifespan", "off"),
            *("--host", HOST, "--port", PORT, "--timeout-graceful-shutdown", "5"),
            # Here nobody stands before it, who could say where a request comes from.
            *(["--no-proxy-headers"] if settings.DEBUG else []),
        ],
        # In memory: a schedule file is what kill -9 can leave unreadable.
        "beat": [*celery, "beat", "-S", "celery.beat:Scheduler", "--loglevel", "warning"],
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


def watch(
    parts: dict[str, Part], stop_signals: list[int], launch: Callable[[str], None]
) -> str | None:
    """Wait for a signal to stop, or return the name of a part that ended for good."""
    announced = False
    while not stop_signals:
        for name in [name for name, part in parts.items() if part.poll() is not None]:
            if name not in WORKERS or not announced:
                return name
            code = parts[name].returncode
            launch(name)
            say(f"{name} ended by itself (code {code}); now {described(parts, name)}.")
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
    running = ", ".join(described(parts, name) for name in parts)
    say(f"""
Running: {running}. Stop with Ctrl-C.

  Chat   {site}/chat/
  API    {site}/api/messaging/sessions
  Docs   {site}/api/docs/ and {site}/api/redoc/
  Admin  {site}/admin/{login}

Create a session:

  curl {site}/api/messaging/sessions \\
    --header 'Content-Type: application/json' \\
    --data '{{"agentId": "{AGENT_ID}", "userId": "{AGENT_ID}"}}'

Send a message, with its sessionId in place of SESSION_ID:

  curl {site}/api/messaging/sessions/SESSION_ID/messages \\
    --header 'Content-Type: application/json' \\
    --data '{{"content": "Hello", "transport": "http"}}'
""")


def described(parts: dict[str, Part], name: str) -> str:
    """Return a part's name and process."""
    return f"{name} (pid {parts[name].pid})"


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
