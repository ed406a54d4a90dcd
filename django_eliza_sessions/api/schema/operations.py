"""How operations are described for the OpenAPI document."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.views import APIView

from django_eliza_sessions.api import error_examples as error
from django_eliza_sessions.api.serializers import parameters as parameter
from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import SessionsError

Decorator = Callable[[Any], Any]
View = TypeVar("View", bound=APIView)


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    """Documents the ``X-API-KEY`` header."""

    target_class = "django_eliza_sessions.api.access.ApiKeyAuthentication"
    name = "ApiKeyAuth"

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        """Require the key; where access is open, nothing at all will do as well."""
        key: dict[str, Any] = {self.name: []}
        return [key, {}] if conf.access == "open" else [key]

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Name the header."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-KEY",
            "description": "The server's own key, or one that its operator made.",
        }


def document(**operations: Decorator) -> Callable[[type[View]], type[View]]:
    """Return a decorator that documents the actions of a viewset."""

    def decorate(viewset: type[View]) -> type[View]:
        for action, describe in operations.items():
            method = getattr(viewset, action)
            # What to build on; otherwise that is the project's DEFAULT_SCHEMA_CLASS.
            method.kwargs = {"schema": AutoSchema}
            describe(method)
        return viewset

    return decorate


def operation(
    operation_id: str,
    summary: str,
    description: str,
    *,
    answer: tuple[int, Any, str],
    other_answers: dict[Any, OpenApiResponse] | None = None,
    errors: tuple[SessionsError, ...],
    parameters: tuple[OpenApiParameter, ...] = (),
    request: Any = None,
) -> Decorator:
    """Return what documents one operation.

    Args:
        operation_id: Its name, by which generated clients call it.
        summary: What it does, in a few words.
        description: The same in a sentence or two.
        answer: Status, shape and meaning of its success.
        other_answers: More successes, by status or by status and media type.
        errors: An example of each error of its own.
        parameters: What stands outside the bodies.
        request: The shape of its body.
    """
    status, shape, meaning = answer
    own = {type(example) for example in errors}
    others = [example for example in error.ANYWHERE if type(example) not in own]
    return extend_schema(
        operation_id=operation_id,
        tags=["messaging"],
        summary=summary,
        description=description,
        parameters=[*parameters, *parameter.ERROR_HEADERS],
        request=request,
        responses={status: OpenApiResponse(shape, description=meaning)}
        | (other_answers or {})
        | error.error_responses((*errors, *others)),
    )
