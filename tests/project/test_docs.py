"""The documentation names everything that is public, and nothing that is not there."""

import inspect
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from django.dispatch import Signal

from django_eliza_sessions import exceptions, signals
from django_eliza_sessions.backends import eliza_server, llm
from django_eliza_sessions.conf import SETTINGS
from django_eliza_sessions.services import (
    access,
    answering,
    audit,
    deliveries,
    endpoints,
    erasure,
    export,
    history,
    holds,
    keys,
    lifecycle,
    limits,
    lookup,
    messages,
    overview,
    relay,
    replies,
    sweep,
    users,
    watching,
)
from django_eliza_sessions.webhooks import TYPES

ROOT = Path(__file__).parents[2]
DOCS = {path.name: path.read_text() for path in (ROOT / "docs").glob("*.md")}
PACKAGE = ROOT / "django_eliza_sessions"


def _first_cells(document: str) -> list[str]:
    """What the rows of a document's tables are about."""
    return re.findall(r"^\| `([^`]+)`", DOCS[document], re.MULTILINE)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_is_documented_with_its_variable_and_default(setting):
    row = re.search(rf"^\| `{setting.name}` .*$", DOCS["settings.md"], re.MULTILINE)
    assert row, f"docs/settings.md does not name {setting.name}"
    if setting.environment and setting.environment != setting.name:
        assert f"`{setting.environment}`" in row[0]
    shown = "none" if setting.default is None else str(setting.default).lower()
    if setting.name != "BACKENDS":
        assert re.search(rf"\| `?{re.escape(shown)}`? \|", row[0], re.IGNORECASE)


def test_no_setting_is_documented_that_is_not_there():
    documented = [name for name in _first_cells("settings.md") if name.isupper()]
    assert sorted(documented) == sorted(SETTINGS)


def test_every_check_is_documented():
    source = "".join(path.read_text() for path in (PACKAGE / "checks").glob("*.py"))
    ids = set(re.findall(r'"(eliza_sessions\.[EW]\d+)"', source))
    assert ids == {name for name in _first_cells("settings.md") if "." in name}


def test_every_signal_is_documented():
    names = [name for name, value in vars(signals).items() if isinstance(value, Signal)]
    assert [name for name in _first_cells("reference.md") if name in names] == names


def test_every_error_is_documented_with_code_and_status():
    for _name, error in inspect.getmembers(exceptions, inspect.isclass):
        if error.__module__ == exceptions.__name__ and hasattr(error, "code"):
            row = f"| `{error.__name__}` | `{error.code}` | {error.status} |"
            is_base = bool(error.__subclasses__())
            assert (row in DOCS["reference.md"]) is not is_base, row


def test_every_command_is_documented():
    commands = {path.stem for path in (PACKAGE / "management/commands").glob("eliza_*.py")}
    assert commands == {
        name for name in _first_cells("reference.md") if name.startswith("eliza_")
    }


def test_the_services_named_exist():
    modules = {
        m.__name__.rpartition(".")[2]: m
        for m in (
            *(
                access,
                keys,
                answering,
                audit,
                deliveries,
                endpoints,
                history,
                lifecycle,
                limits,
                lookup,
                messages,
            ),
            *(overview, relay, replies, sweep, watching),
            *(erasure, export, holds, users),
        )
    }
    for line in DOCS["reference.md"].splitlines():
        cells = re.findall(r"`(\w+)`", line)
        if cells and cells[0] in modules:
            for function in cells[1:]:
                assert callable(getattr(modules[cells[0]], function))


@pytest.mark.parametrize("backend", [llm, eliza_server])
def test_every_option_of_a_backend_is_documented(backend):
    named = re.findall(r"`(\w+)`", DOCS["backends.md"])
    assert backend.DEFAULTS.keys() <= set(named)


def test_every_type_of_webhook_is_documented():
    types = [name for name in _first_cells("webhooks.md") if "." in name]
    assert types == [*TYPES.values(), "webhook.test"]


def test_the_house_is_as_drawn():
    """README's picture has what ``ls`` has, in the order of the import contract."""
    readme = (ROOT / "README.md").read_text()
    lines = re.findall(r"^  ((?:[a-z_]+(?:/|\.py) *)+)", readme, re.MULTILINE)
    floors = {name: i for i, line in enumerate(lines) for name in line.split()}
    found = {
        path.name + "/" * path.is_dir()
        for path in PACKAGE.iterdir()
        if path.name not in ("__init__.py", "__pycache__", "py.typed")
    }
    assert floors.keys() == found

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c for c in contracts["contracts"] if c["id"] == "layers")["layers"]
    drawn = [
        {floors.get(f"{name}/", floors.get(f"{name}.py")) for name in layer.split(" | ")}
        for layer in layers
    ]
    for upper, lower in pairwise(drawn):
        assert max(upper) < min(lower)


def test_links_between_documents_lead_somewhere():
    pages = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
