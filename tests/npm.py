"""Packages of npm for tests that run the clients of others."""

import shutil
import subprocess
from fcntl import LOCK_EX, flock
from pathlib import Path

from tests.conftest import need


def install(folder: Path, package: str) -> str:
    """Install a folder's packages as locked, once; return the path of Node.js.

    Args:
        folder: Has ``package-lock.json``.
        package: One of its packages, by which to see whether they are installed.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    need(node is not None and npm is not None, "needs Node.js and npm")
    with (folder / "package-lock.json").open() as lock:
        flock(lock, LOCK_EX)  # Another process of the tests may be at it.
        if not (folder / "node_modules" / package).is_dir():
            installed = subprocess.run(
                [npm, "ci", "--ignore-scripts"],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            need(installed.returncode == 0, f"npm ci failed: {installed.stderr}")
    return node
