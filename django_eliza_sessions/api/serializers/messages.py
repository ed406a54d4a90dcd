# ruff: noqa: N815 - these are the wire's names
"""Messages: sent, answered, and read back."""

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from django_eliza_sessions.api import examples
from django_eliza_sessions.api.serializers.fields import EnumField, Serializer
from django_eliza_sessions.attachments import (
    ATTACHMENT_TYPES,
    MAX_ATTACHMENTS,
    MAX_NAME_CHARACTERS,
    MAX_URL_CHARACTERS,
)
from django_eliza_sessions.content import MAX_CONTENT_CHARACTERS, MAX_METADATA_BYTES

_TRANSPORTS = ("http", "sse", "websocket", "sync", "stream")


class AttachmentSerializer(Serializer):
    """A file that goes with a message, by its address."""

    type = EnumField(ATTACHMENT_TYPES)
    url = serializers.URLField(max_length=MAX_URL_CHARACTERS, help_text="http or https.")
    name = serializers.CharField(required=False, max_length=MAX_NAME_CHARACTERS)
    size = serializers.IntegerField(required=False, min_value=0, help_text="In bytes.")
    mimeType = serializers.CharField(required=False, max_length=MAX_NAME_CHARACTERS)


@extend_schema_field(
    {
        "type": "array",
        "maxItems": MAX_ATTACHMENTS,
        # The published document leaves type and url optional; here they are required.
        # The "oneOf" leaves room for other shapes of attachment without a new field.
        "items": {"oneOf": [{"$ref": "#/components/schemas/Attachment"}]},
    }
)
class AttachmentsField(serializers.ListField):
    """A few attachments."""


@extend_schema_serializer(
    examples=[examples.SEND_MESSAGE, examples.SEND_AND_WAIT, examples.SEND_AND_STREAM]
)
class SendMessageSerializer(Serializer):
    """What the user says, and how the reply shall come."""

    content = serializers.CharField(
        min_length=1,
        max_length=MAX_CONTENT_CHARACTERS,
        help_text="Not only white space; characters count as Unicode code points.",
    )
    metadata = serializers.DictField(
        required=False,
        allow_null=True,
        help_text=f"Any JSON, at most {MAX_METADATA_BYTES} bytes as compact UTF-8.",
    )
    attachments = AttachmentsField(required=False, allow_null=True)
    transport = EnumField(
        _TRANSPORTS,
        required=False,
        help_text="`websocket` answers at once, which is the default: the reply comes over "
        "the socket and in the history. `http`, or `sync`, answers with the reply. `sse`, "
        "or `stream`, with it as it comes; so does `Accept: text/event-stream` alone.",
    )
    mode = EnumField(
        _TRANSPORTS,
        required=False,
        help_text="The older name of `transport`, which wins over it.",
    )


class UserMessageSerializer(Serializer):
    """A message as its sender gets it back."""

    id = serializers.UUIDField()
    content = serializers.CharField()
    authorId = serializers.UUIDField()
    createdAt = serializers.DateTimeField(help_text="Unique within the session.")
    metadata = serializers.DictField()
    attachments = AttachmentSerializer(
        many=True, required=False, help_text="Absent without any."
    )


class SessionMessageSerializer(UserMessageSerializer):
    """A message as the history shows it.

    The agent's `metadata` may hold its `thought` and its `actions`, and `incomplete`.
    """

    isAgent = serializers.BooleanField(help_text="Whether the agent wrote it.")


class SessionStatusSerializer(Serializer):
    """What the message did to its session."""

    expiresAt = serializers.DateTimeField()
    renewalCount = serializers.IntegerField(min_value=0)
    wasRenewed = serializers.BooleanField(help_text="Whether the message renewed it.")
    isNearExpiration = serializers.BooleanField()


class AgentResponseSerializer(Serializer):
    """The agent's reply."""

    text = serializers.CharField(allow_blank=True)
    thought = serializers.CharField(required=False, allow_blank=True)
    actions = serializers.ListField(child=serializers.CharField(), required=False)
    incomplete = EnumField(
        [True],
        required=False,
        help_text="There if it failed, was cancelled on the way, or is still under way.",
    )


class MessageResultSerializer(Serializer):
    """What became of a message, in parts."""

    success = EnumField([True])
    userMessage = UserMessageSerializer()
    sessionStatus = SessionStatusSerializer()
    agentResponse = AgentResponseSerializer(
        required=False,
        help_text="Only where the request waited for it, and it came in time.",
    )


@extend_schema_serializer(examples=[examples.SENT_MESSAGE])
class SentMessageSerializer(UserMessageSerializer, MessageResultSerializer):
    """The message and what became of it.

    The same stands flat, in parts, and once more within `data`: clients differ in where
    they look.
    """

    data = MessageResultSerializer()  # type: ignore[assignment]  # no attribute


class CursorsSerializer(Serializer):
    """The ends of a page, in milliseconds since the epoch; empty when the page is."""

    before = serializers.IntegerField(
        required=False, help_text="As `before`, it asks for what is older than this page."
    )
    after = serializers.IntegerField(
        required=False, help_text="As `after`, it asks for what is newer than this page."
    )


@extend_schema_serializer(many=False, examples=[examples.MESSAGE_PAGE])
class MessagePageSerializer(Serializer):
    """A page of history, newest first."""

    messages = SessionMessageSerializer(many=True)
    hasMore = serializers.BooleanField(help_text="Whether more follows in this direction.")
    cursors = CursorsSerializer()
