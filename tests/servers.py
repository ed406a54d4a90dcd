"""Servers that tests start beside themselves, and ports for them."""

import atexit
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

from django.db import connection

from tests.conftest import need
from tests.services.race import wait_until

ROOT = Path(__file__).parents[1]
_held = ExitStack()
atexit.register(_held.close)


def database_url() -> str:
    """Return the database of this test, for other processes."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}?transaction_mode=IMMEDIATE&timeout=20"
    login = f"{quote(database['USER'])}:{quote(database['PASSWORD'])}"
    return f"postgres://{login}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


def free_port() -> int:
    """Return a port of the loopback that stays ours until the tests end.

    It is kept bound, without listening. So Linux gives it to nobody who asks for any port,
    such as the servers of tests beside this one, while who asks for this very port gets it.
    Otherwise it could be gone by the time a server has started, or between a kill and the
    next start; and whoever has it meanwhile passes for the server.
    """
    holder = _held.enter_context(socket.socket())
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port: int = holder.getsockname()[1]
    if sys.platform != "linux":
        holder.close()
    return port


def takes_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Redis:
    """A Redis of a test's own, to be killed."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.directory = directory
        self.start()

    def start(self) -> None:
        program = shutil.which("redis-server")
        need(program is not None, "redis-server is not installed")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(
            [str(program), *options, "--dir", str(self.directory)],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self.is_up, "Redis")

    def is_up(self) -> bool:
        assert self.process.poll() is None, "Redis ended by itself"
        return takes_connections(self.port)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
