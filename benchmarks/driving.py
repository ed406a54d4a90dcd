"""Sixteen clients that ask as fast as they are answered: wrk, or a driver of our own."""

import asyncio
import json
import random
import shutil
import statistics
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.operations import Operation

CONNECTIONS = 16
WRK = shutil.which("wrk")
DRIVER = f"wrk -t1 -c{CONNECTIONS}" if WRK else "asyncio driver (wrk is not installed)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """What became of it; times of answers in ms."""

    requests: int
    seconds: float
    p50: float | None
    p99: float | None
    failures: int


def drive(
    url: str, operation: Operation, sessions: Path, key: str, seconds: float
) -> Drive:
    """Ask for one operation again and again.

    Args:
        url: Of the server, without a path.
        sessions: A file with their ids, one per line.
        key: The API key.

    Raises:
        RuntimeError: A request failed.
    """
    arguments = [operation.method, operation.path, operation.body, key, str(sessions)]
    if WRK:
        script = Path(__file__).with_name("wrk.lua")
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "30s"]
        command = [WRK, *options, "-s", str(script), url, "--"]
    else:
        command = [sys.executable, "-m", "benchmarks.driving", str(seconds), url]
    output = subprocess.run(
        [*command, *arguments], check=True, capture_output=True, text=True
    ).stdout
    found = Drive(**json.loads(output.splitlines()[-1]))
    if found.failures:
        raise RuntimeError(f"{operation.name}: {found.failures} requests failed.\n{output}")
    return found


async def _drive(
    sessions: list[str],
    seconds: float,
    url: str,
    method: str,
    path: str,
    body: str,
    key: str,
) -> None:
    """Do what ``wrk`` does with ``wrk.lua``."""
    random.shuffle(sessions)
    host = urlsplit(url)
    took: list[float] = []
    started = time.perf_counter()

    async def ask_on() -> None:
        reader, writer = await asyncio.open_connection(host.hostname, host.port)
        while time.perf_counter() < started + seconds:
            session = sessions[len(took) % len(sessions)]
            content = body.replace("{uuid}", str(uuid.uuid4()))
            asked_at = time.perf_counter()
            writer.write(
                f"{method} {path.replace('{session}', session)} HTTP/1.1\r\n"
                f"Host: {host.netloc}\r\nX-API-KEY: {key}\r\n"
                "Content-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n{content}".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert head.split()[1] in ("200", "201"), head
            length = int(head.partition("content-length:")[2].split()[0])
            await reader.readexactly(length)
            took.append((time.perf_counter() - asked_at) * 1000)
        writer.close()

    await asyncio.gather(*(ask_on() for _ in range(CONNECTIONS)))
    percentiles = statistics.quantiles(took, n=100)
    found = {
        "requests": len(took),
        "seconds": time.perf_counter() - started,
        "p50": percentiles[49],
        "p99": percentiles[98],
        "failures": 0,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    *_arguments, _file = sys.argv[2:]
    asyncio.run(_drive(Path(_file).read_text().split(), float(sys.argv[1]), *_arguments))
