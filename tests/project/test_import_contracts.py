"""The imports of the package keep its architecture."""

from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[2]


def test_contracts_are_kept(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)

    status = lint_imports(no_cache=True)

    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out
