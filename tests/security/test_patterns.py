"""No regular expression of the package can be made to take for ever."""

import ast
import re
from pathlib import Path
from re import _constants as sre
from re import _parser as parser

import pytest

import django_eliza_sessions

PACKAGE = Path(django_eliza_sessions.__file__).parent
FUNCTIONS = {name for name in dir(re) if callable(getattr(re, name))}


def patterns():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.func.attr in FUNCTIONS
            ):
                yield pytest.param(node.args[0], id=f"{path.stem}:{node.lineno}")


def unbounded_within(parsed, repeated=False):
    """Whether something that may repeat for ever holds another such thing."""
    found = False
    for op, argument in parsed:
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            endless = argument[1] == sre.MAXREPEAT
            found |= endless and repeated
            found |= unbounded_within(argument[2], repeated or endless)
        elif op == sre.SUBPATTERN:
            found |= unbounded_within(argument[-1], repeated)
        elif op == sre.BRANCH:
            found |= any(unbounded_within(part, repeated) for part in argument[1])
    return found


@pytest.mark.parametrize("node", list(patterns()))
def test_repeats_nothing_that_repeats(node):
    assert isinstance(node, ast.Constant), "a pattern must be written where it is used"
    assert not unbounded_within(parser.parse(node.value))


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(?:a*|b)*", r"((a){1,}b?){2,}"])
def test_the_test_knows_the_bad_ones(pattern):
    assert unbounded_within(parser.parse(pattern))
