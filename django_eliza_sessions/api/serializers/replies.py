# ruff: noqa: N815 - these are the wire's names
"""Replies: as they stand, and as they come."""

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_serializer
from rest_framework import serializers

from django_eliza_sessions.api import examples
from django_eliza_sessions.api.serializers.fields import (
    EnumField,
    JSONTextField,
    Serializer,
)
from django_eliza_sessions.api.serializers.messages import (
    AgentResponseSerializer,
    SessionMessageSerializer,
    UserMessageSerializer,
)
from django_eliza_sessions.exceptions import (
    MessageSendError,
    SessionExpiredError,
    SessionNotFoundError,
)
from django_eliza_sessions.services.replies import CANCELLED, INTERRUPTED


class ReplyErrorSerializer(Serializer):
    """Why a reply failed or was cancelled."""

    code = EnumField(
        sorted(
            {
                CANCELLED,
                INTERRUPTED,
                MessageSendError.code,
                SessionExpiredError.code,
                SessionNotFoundError.code,
            }
        ),
        help_text="`REPLY_CANCELLED`: by the user. `REPLY_INTERRUPTED`: by a later "
        "message. `MESSAGE_SEND_FAILED`: the agent failed. Otherwise the session is over.",
    )
    message = serializers.CharField()


class UsageSerializer(Serializer):
    """What the reply took; `null` where the agent does not know."""

    inputTokens = serializers.IntegerField(min_value=0, allow_null=True)
    outputTokens = serializers.IntegerField(min_value=0, allow_null=True)


@extend_schema_serializer(examples=[examples.REPLY])
class ReplySerializer(Serializer):
    """A reply as it stands."""

    id = serializers.UUIDField(help_text="Of the agent's message, also before it is there.")
    userMessageId = serializers.UUIDField(help_text="Of the message that it answers.")
    status = EnumField(("queued", "running", "complete", "failed", "cancelled"))
    createdAt = serializers.DateTimeField()
    finishedAt = serializers.DateTimeField(required=False)
    error = ReplyErrorSerializer(required=False)
    usage = UsageSerializer(required=False, help_text="Absent where nobody counts.")
    agentResponse = AgentResponseSerializer(
        required=False,
        help_text="What was said by now; absent if nothing was.",
    )


@extend_schema_serializer(examples=[examples.CANCELLED_REPLY])
class CancelledReplySerializer(Serializer):
    """That the reply will not go on."""

    success = EnumField([True])
    data = ReplySerializer()  # type: ignore[assignment]  # no attribute


class StreamChunkSerializer(Serializer):
    """A piece of the reply's text."""

    messageId = serializers.UUIDField(help_text="Of the agent's message.")
    chunk = serializers.CharField(help_text="To be joined as they are.")
    index = serializers.IntegerField(min_value=0, help_text="Counts the chunks from 0.")


class StreamErrorSerializer(ReplyErrorSerializer):
    """That the reply failed or was cancelled."""

    messageId = serializers.UUIDField(help_text="Of the agent's message.")
    partialText = serializers.CharField(
        required=False, help_text="What was said before, which the history keeps."
    )


class EventSerializer(Serializer):
    """One server-sent event."""

    id = serializers.RegexField(
        "^[0-9]{1,9}$", help_text="For `Last-Event-ID`; counts from 0 within the reply."
    )


class UserMessageEventSerializer(EventSerializer):
    """The first event: the message to be answered."""

    event = EnumField(["user_message"])
    data = JSONTextField(UserMessageSerializer)  # type: ignore[assignment]  # no attribute


class ChunkEventSerializer(EventSerializer):
    """A piece of the reply."""

    event = EnumField(["chunk"])
    data = JSONTextField(StreamChunkSerializer)  # type: ignore[assignment]  # no attribute


class DoneEventSerializer(EventSerializer):
    """The last event of a complete reply: the agent's message."""

    event = EnumField(["done"])
    data = JSONTextField(SessionMessageSerializer)  # type: ignore[assignment]  # no attribute


class ErrorEventSerializer(EventSerializer):
    """The last event of a reply that failed or was cancelled."""

    event = EnumField(["error"])
    data = JSONTextField(StreamErrorSerializer)  # type: ignore[assignment]  # no attribute


#: Of a stream OpenAPI describes one event.
ReplyEventSerializer = PolymorphicProxySerializer(
    component_name="ReplyEvent",
    serializers={
        "user_message": UserMessageEventSerializer,
        "chunk": ChunkEventSerializer,
        "done": DoneEventSerializer,
        "error": ErrorEventSerializer,
    },
    resource_type_field_name="event",
)
