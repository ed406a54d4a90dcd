"""The imports of the package keep its architecture."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_contracts_are_kept():
    # In a process of its own, for it silences every logger of the one it runs in.
    lint = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]

    result = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout
