"""Holds real responses against the OpenAPI document."""

import json
import re
from functools import cache
from typing import Any

from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from jsonschema import Draft202012Validator, FormatChecker

from django_eliza_sessions import exceptions
from django_eliza_sessions.api.urls import BASE

ERROR = "#/components/schemas/Error"

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


def assert_conforms(response: Any) -> None:
    """Fail unless the document says that this response may look like this."""
    request = response.wsgi_request
    if request.method == "OPTIONS":
        assert response.status_code == 204
        return
    pointer = _schema_of(response)
    if request.method == "HEAD":
        assert response.content == b""
        return
    body = response.json()
    problems = [
        f"{error.json_path}: {error.message}"
        for error in validator(pointer).iter_errors(body)
    ]
    assert not problems, f"{request.method} {request.path}: {problems} in {body}"
    if pointer == ERROR or response.status_code in range(400, 501):
        error = getattr(exceptions, body["error"]["type"])
        assert (error.status, error.code) == (response.status_code, body["error"]["code"])


def _schema_of(response: Any) -> str:
    """The pointer to the schema of a response; the error's where nothing is documented."""
    request = response.wsgi_request
    media_type = response["Content-Type"].partition(";")[0]
    path = _documented_path(request.path)
    method = {"HEAD": "get"}.get(request.method, request.method.lower())
    if method not in document()["paths"].get(path, {}):
        assert response.status_code == (405 if path else 404)
        assert media_type == "application/json"
        return ERROR
    operation = document()["paths"][path][method]
    name, status = operation["operationId"], str(response.status_code)
    assert status in operation["responses"], f"{name} does not document {status}"
    content = operation["responses"][status]["content"]
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
