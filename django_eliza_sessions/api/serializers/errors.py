"""The one shape of every error (contract, "Errors")."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from django_eliza_sessions import exceptions
from django_eliza_sessions.api.serializers.fields import EnumField, Serializer

_ERRORS = [
    error
    for error in vars(exceptions).values()
    if isinstance(error, type)
    and issubclass(error, exceptions.SessionsError)
    and error not in (exceptions.SessionsError, exceptions.InvalidInputError)
]


class ErrorFactsSerializer(Serializer):
    """What went wrong, for programs and for people."""

    code = EnumField(sorted({error.code for error in _ERRORS}), help_text="What to act on.")
    message = serializers.CharField(help_text="The kind of error, in a few words.")
    details = serializers.CharField(help_text="This very case, in one sentence.")
    type = EnumField(
        sorted(error.__name__ for error in _ERRORS),
        help_text="The kind of error, finer than `code`.",
    )
    timestamp = serializers.DateTimeField()
    context = serializers.DictField(  # type: ignore[assignment]  # no attribute
        required=False,
        help_text="The same facts for programs, such as `field` or `maximum`.",
    )


@extend_schema_serializer(many=False)
class ErrorSerializer(Serializer):
    """Every refusal and every failure has this shape."""

    success = EnumField([False])
    error = ErrorFactsSerializer()
