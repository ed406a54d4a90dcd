"""What the shapes are made of."""

from collections.abc import Iterable
from typing import Any

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
