"""Small modules, and a word about everything that is public."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import django_eliza_sessions
from django_eliza_sessions import services

PACKAGE = Path(django_eliza_sessions.__file__).parent
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "migrations")
SERVICES = [
    importlib.import_module(f"{services.__name__}.{module.name}")
    for module in pkgutil.iter_modules(services.__path__)
]
FUNCTIONS = [
    pytest.param(member, id=f"{module.__name__.rpartition('.')[2]}.{name}")
    for module in SERVICES
    for name, member in inspect.getmembers(module, inspect.isfunction)
    if not name.startswith("_") and member.__module__ == module.__name__
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_has_at_most_250_lines(path):
    assert len(path.read_text().splitlines()) <= 250


@pytest.mark.parametrize("module", SERVICES, ids=lambda module: module.__name__)
def test_service_module_says_what_it_is_for(module):
    assert module.__doc__


@pytest.mark.parametrize("function", FUNCTIONS)
def test_service_says_what_it_does_and_is_typed(function):
    signature = inspect.signature(function)

    assert function.__doc__
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty


@pytest.mark.parametrize(
    "function",
    [
        parameter
        for parameter in FUNCTIONS
        if "principal" in inspect.signature(parameter.values[0]).parameters
        and parameter.values[0].__name__ != "check_administrator"
    ],
)
def test_operation_takes_keywords_only_and_names_its_errors(function):
    kinds = {p.kind for p in inspect.signature(function).parameters.values()}

    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    assert "Raises:" in function.__doc__


def test_types_are_shipped():
    assert (PACKAGE / "py.typed").is_file()
