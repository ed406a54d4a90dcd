"""Holds real responses against the OpenAPI document."""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from jsonschema import Draft202012Validator, FormatChecker

from django_eliza_sessions import exceptions
from django_eliza_sessions.api.urls import BASE

ERROR = "#/components/schemas/Error"
STREAM = "text/event-stream"

#: The formats as the contract has them, which is stricter than the standard's.
FORMATS = FormatChecker(formats=())
FORMATS.checks("date-time")(
    lambda text: bool(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text, re.ASCII)
    )
)
FORMATS.checks("uuid")(
    lambda text: bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))
)


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document, as a client gets it."""
    generated = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(OpenApiJsonRenderer().render(generated))


def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each operation, by operationId."""
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


@cache
def validator(pointer: str) -> Draft202012Validator:
    """A validator for the schema at a place in the document; refuses unknown keys."""
    schema = closed(document()) | {"$ref": pointer}
    return Draft202012Validator(schema, format_checker=FORMATS)


def closed(part: Any) -> Any:
    """The same, where objects have no properties but the documented ones."""
    if isinstance(part, list):
        return [closed(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: closed(value) for key, value in part.items()}
    if part.get("type") == "object" and "properties" in part:
        part = {"additionalProperties": False} | part
    return part


def problems(pointer: str, value: Any) -> list[str]:
    """What keeps a value from having the schema at a place in the document."""
    return [f"{e.json_path}: {e.message}" for e in validator(pointer).iter_errors(value)]


def stream_problems(pointer: str, stream: str) -> list[str]:
    """The same of a whole stream, where the schema is that of each event."""
    *blocks, rest = stream.split("\n\n")
    found = [f"ends within {rest!r}"] if rest else []
    for block in blocks:
        if not block.startswith(":"):
            found += _event_problems(pointer, block)
    return found


def _event_problems(pointer: str, block: str) -> list[str]:
    lines = [line.partition(": ") for line in block.split("\n")]
    event = {name: value for name, _, value in lines}
    if len(event) < len(lines):
        return [f"repeats a field: {block!r}"]
    if found := problems(pointer, event):
        return found
    kinds = document()["components"]["schemas"]["ReplyEvent"]["discriminator"]["mapping"]
    data = f"{kinds[event['event']]}/properties/data/contentSchema"
    return problems(data, json.loads(event["data"]))


def assert_conforms(response: Any) -> None:
    """Fail unless the document says that this response may look like this.

    A stream is held against it event by event, as it is read.
    """
    request = response.wsgi_request
    if request.method == "OPTIONS":
        assert response.status_code == 200
        return
    pointer = _schema_of(response)
    if request.method == "HEAD" or pointer is None:
        assert response.getvalue() == b""
        return
    if response.streaming:
        response.streaming_content = _checked(pointer, response.streaming_content)
        return
    body = response.json()
    found = problems(pointer, body)
    assert not found, f"{request.method} {request.path}: {found} in {body}"
    if pointer == ERROR or response.status_code in range(400, 501):
        error = getattr(exceptions, body["error"]["type"])
        assert (error.status, error.code) == (response.status_code, body["error"]["code"])


def _checked(pointer: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        found = stream_problems(pointer, part.decode())
        assert not found, f"{found} in {part!r}"
        yield part


def _schema_of(response: Any) -> str | None:
    """The pointer to the schema of a response; ``None`` where it has no body.

    It is the error's where nothing is documented.
    """
    request = response.wsgi_request
    media_type = response.get("Content-Type", "").partition(";")[0]
    path = _documented_path(request.path)
    method = {"HEAD": "get"}.get(request.method, request.method.lower())
    if method not in document()["paths"].get(path, {}):
        assert response.status_code == (405 if path else 404)
        assert media_type == "application/json"
        return ERROR
    operation = document()["paths"][path][method]
    name, status = operation["operationId"], str(response.status_code)
    assert status in operation["responses"], f"{name} does not document {status}"
    content = operation["responses"][status].get("content")
    if content is None:
        return None
    assert media_type in content, f"{name} does not document {media_type}"
    parts = ("paths", path, method, "responses", status, "content", media_type, "schema")
    return "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


def _documented_path(path: str) -> str | None:
    """The template in the document that a path fits; literal ones first, as in Django."""
    for template in sorted(document()["paths"], key=lambda text: text.count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template) + "/?", path):
            return template
    return None


class ConformingClient(Client):
    """Django's test client, which lets no response pass that the document forbids."""

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        if response.wsgi_request.path.startswith(f"/{BASE}"):
            assert_conforms(response)
        return response
