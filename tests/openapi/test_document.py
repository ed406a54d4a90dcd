"""The OpenAPI document itself: sound, complete, and as it is checked in."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.validation import validate_schema

from django_eliza_sessions import exceptions
from tests.openapi.conformance import (
    STREAM,
    document,
    operations,
    problems,
    stream_problems,
)

SNAPSHOT = Path(__file__).with_name("openapi.yml")


def generate() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def test_generates_without_a_warning() -> None:
    with GENERATOR_STATS.silence():
        GENERATOR_STATS.reset()
        schema = generate()
        assert not GENERATOR_STATS, (
            GENERATOR_STATS._warn_cache | GENERATOR_STATS._error_cache
        )
    validate_schema(schema)


def test_is_as_checked_in() -> None:
    """UPDATE_OPENAPI=1 pytest tests/openapi writes the file anew; review its diff."""
    text = OpenApiYamlRenderer().render(generate(), renderer_context={}).decode()
    if os.environ.get("UPDATE_OPENAPI"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text(), "run with UPDATE_OPENAPI=1 and review the diff"


def bodies() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """A name for, the pointer to, and the description of each body in the document."""
    for name, (method, path, operation) in operations().items():
        place = f"#/paths/{path.replace('/', '~1')}/{method.lower()}"
        holders = {f"responses/{s}": r for s, r in operation["responses"].items()}
        if "requestBody" in operation:
            holders["requestBody"] = operation["requestBody"]
        for holder, body in holders.items():
            for media_type, media in body.get("content", {}).items():
                pointer = f"{place}/{holder}/content/{media_type.replace('/', '~1')}"
                yield f"{name}-{holder}-{media_type}", pointer, media


EXAMPLES = [
    pytest.param(f"{pointer}/schema", example["value"], id=f"{name}-{title}")
    for name, pointer, media in bodies()
    for title, example in media.get("examples", {}).items()
]


@pytest.mark.parametrize(("pointer", "value"), EXAMPLES)
def test_example_fits_its_schema(pointer: str, value: Any) -> None:
    find = stream_problems if STREAM.replace("/", "~1") in pointer else problems
    assert find(pointer, value) == []


def test_every_body_has_an_example() -> None:
    assert not [name for name, _, media in bodies() if not media.get("examples")]


def test_every_error_of_an_operation_is_shown_somewhere() -> None:
    shown = {
        example["value"]["error"]["type"]
        for _, _, operation in operations().values()
        for status, response in operation["responses"].items()
        if status[0] in "45" and status != "503"
        for example in response["content"]["application/json"]["examples"].values()
    }
    declared = {
        name
        for name, error in vars(exceptions).items()
        if isinstance(error, type) and issubclass(error, exceptions.SessionsError)
    }
    # The bases are never raised; the other answers for what is no operation.
    assert declared - shown == {
        "SessionsError",
        "InvalidInputError",
        "MethodNotAllowedError",
    }


def test_leaves_the_projects_enum_names_alone() -> None:
    assert not [name for name in document()["components"]["schemas"] if "Enum" in name]


@pytest.mark.parametrize(("access", "anonymous"), [("open", True), ("key", False)])
def test_says_whether_a_key_is_needed(configure: Any, access: str, anonymous: bool) -> None:
    configure(ACCESS=access)
    paths = generate()["paths"]
    security = paths["/api/messaging/sessions"]["post"]["security"]
    assert {"ApiKeyAuth": []} in security
    assert ({} in security) is anonymous
    assert "security" not in paths["/api/messaging/sessions/health"]["get"]


def test_states_the_bounds_in_force(configure: Any) -> None:
    configure(SESSION_MIN_TIMEOUT_MINUTES=10, SESSION_MAX_TIMEOUT_MINUTES=100)
    fields = generate()["components"]["schemas"]["TimeoutOverrides"]["properties"]
    assert (fields["timeoutMinutes"]["minimum"], fields["timeoutMinutes"]["maximum"]) == (
        10,
        100,
    )
    assert fields["maxDurationMinutes"]["maximum"] == 200
    assert fields["warningThresholdMinutes"]["maximum"] == 100


def test_is_valid_in_older_openapi_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """3.0 is what drf-spectacular makes unless a project says otherwise."""
    monkeypatch.setattr(spectacular_settings, "OAS_VERSION", "3.0.3")
    schema = generate()
    validate_schema(schema)
    schemas = schema["components"]["schemas"]
    assert {"StreamChunk", "StreamError"} <= schemas.keys()
    assert schemas["ChunkEvent"]["properties"]["data"] == {
        "type": "string",
        "description": "JSON: a `StreamChunk`.",
    }
