"""What the shapes are made of."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

AnyField = serializers.Field[Any, Any, Any, Any]
Serializer = serializers.Serializer[Any]


class EnumField(AnyField):
    """One of a few values.

    They stand within ``allOf``, where drf-spectacular leaves them: as an enum component
    they would compete with the project's own for names such as ``TypeEnum``.
    """

    def __init__(self, values: Iterable[str | bool], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        words = list(values)
        kind = "string" if isinstance(words[0], str) else "boolean"
        schema = {"type": kind, "allOf": [{"enum": words}]}
        extend_schema_field(schema)(self)  # type: ignore[type-var]  # takes more than it says


class JSONTextField(AnyField):
    """A string that holds JSON of a shape."""

    def __init__(self, shape: type[Serializer]) -> None:
        super().__init__(
            help_text=f"JSON: a `{shape.__name__.removesuffix('Serializer')}`."
        )
        self.shape = shape


class JSONTextExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    """Documents the shape, which OpenAPI before 3.1 has no words for."""

    target_class = JSONTextField

    def map_serializer_field(
        self, auto_schema: AutoSchema, direction: Any
    ) -> dict[str, Any]:
        """Return the string's schema; the shape becomes a component in any case."""
        shape = auto_schema.resolve_serializer(self.target.shape, direction)
        if spectacular_settings.OAS_VERSION < "3.1":
            return {"type": "string"}
        return {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": shape.ref,
        }
