"""The example as its users run it: processes, a real port, a database of their own."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from example_project.demo import AGENT_ID
from example_project.serve import WORKERS
from tests.servers import free_port
from tests.services.race import wait_until

ROOT = Path(__file__).parents[2]


def is_alive(pid: int) -> bool:
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    ps = subprocess.run(command, check=False, capture_output=True)
    return ps.stdout.strip()[:1] not in (b"", b"Z")


class Server:
    """``python -m example_project.serve`` in a directory of its own."""

    process: subprocess.Popen[bytes]
    headers = {"Content-Type": "application/json"}

    def __init__(self, directory: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "serve.log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "default",
            "PORT": str(self.port),
            "DATA_DIR": str(directory),
            "ELIZA_SESSIONS_SWEEP_INTERVAL_SECONDS": "1",
            "ELIZA_SESSIONS_CREATE_LIMITS": "caller=9999/minute",
            "ELIZA_SESSIONS_MESSAGE_LIMITS": "caller=9999/minute",
        } | environment

    def launch(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "example_project.serve"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start(self) -> "Server":
        self.launch()
        wait_until(self._is_up, "the server")
        return self

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.output
        return "Running:" in self.output

    @property
    def output(self) -> str:
        return self.log.read_text()

    @property
    def pids(self) -> dict[str, int]:
        """The parts, as announced."""
        return {
            name: int(pid) for name, pid in re.findall(r"(\w+) \(pid (\d+)\)", self.output)
        }

    def kill(self, part: str) -> None:
        """``kill -9`` a part, and wait until everything runs again."""
        pid = self.pids[part]
        os.kill(pid, signal.SIGKILL)
        if part in WORKERS:
            wait_until(lambda: self.pids[part] != pid, f"another {part}")
        else:
            self.process.wait(60)
            self.start()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def shell(self, code: str) -> str:
        """What a piece of code prints in the project's shell."""
        return subprocess.run(
            [sys.executable, "manage.py", "shell", "-v", "0", "-c", code],
            cwd=ROOT,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def use_backend(self, backend: str, **options: Any) -> None:
        self.shell(
            "from django_eliza_sessions.models import Agent;"
            f"Agent.objects.update(backend={backend!r}, backend_options={options!r})"
        )

    def call(self, path: str, body: Any = None) -> Any:
        """POST a body, or GET without one; the answer's JSON."""
        request = urllib.request.Request(
            f"{self.url}/api/messaging/sessions{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers=self.headers,
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def create_session(self) -> str:
        return self.call("", {"agentId": AGENT_ID, "userId": AGENT_ID})["sessionId"]

    def answers(self, session_id: str) -> list[str]:
        history = self.call(f"/{session_id}/messages")["messages"]
        return [message["content"] for message in history if message["isAgent"]]


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Make servers from environment variables; each is stopped at the end."""
    made: list[Server] = []

    def make(**environment: str) -> Server:
        made.append(Server(tmp_path, **environment))
        return made[-1]

    yield make
    for server in made:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that runs throughout the module, for what leaves it alone."""
    server = Server(tmp_path_factory.mktemp("serve")).start()
    yield server
    server.stop()
