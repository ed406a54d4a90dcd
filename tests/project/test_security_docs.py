"""The tests that docs/security.md names exist, and the lists in it are whole."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs/security.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]*test_\w+\.py(?:::\w+)*)`", TEXT)))
#: How many requirements each section of V7 has.
V7 = {1: 3, 2: 4, 3: 2, 4: 5, 5: 3, 6: 2}


@pytest.mark.parametrize("name", NAMED)
def test_named_tests_exist(name):
    path, *parts = name.split("::")
    assert re.fullmatch(r"test_\w+\.py", Path(path).name)
    scope = ast.parse((TESTS / path).read_text())
    for part in parts:
        found = [node for node in scope.body if getattr(node, "name", None) == part]
        assert found, f"{path} has no {part}"
        [scope] = found


def test_every_requirement_has_its_line():
    wanted = [f"7.{s}.{n + 1}" for s, count in V7.items() for n in range(count)]
    wanted += [f"API{n}" for n in range(1, 11)]
    assert re.findall(r"^\| (7\.\d\.\d|API\d+) \|", TEXT, re.MULTILINE) == wanted
