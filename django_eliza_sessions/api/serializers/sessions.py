# ruff: noqa: N815 - these are the wire's names
"""Sessions, their timeouts, and the service's health."""

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from django_eliza_sessions.api import examples
from django_eliza_sessions.api.serializers.fields import AnyField, EnumField, Serializer
from django_eliza_sessions.conf import conf
from django_eliza_sessions.content import MAX_METADATA_BYTES
from django_eliza_sessions.services.overview import Status


class TimeoutConfigSerializer(Serializer):
    """The timeouts in force, each resolved from the session, its agent or the server."""

    timeoutMinutes = serializers.IntegerField(
        min_value=1, help_text="Minutes without a renewal after which it expires."
    )
    autoRenew = serializers.BooleanField(
        help_text="Whether messages and heartbeats renew the session."
    )
    maxDurationMinutes = serializers.IntegerField(
        min_value=1, help_text="Minutes from its creation after which it expires anyway."
    )
    warningThresholdMinutes = serializers.IntegerField(
        min_value=1,
        help_text="Minutes before it expires from which it counts as near that.",
    )


@extend_schema_serializer(examples=[examples.CHANGE_TIMEOUTS])
class TimeoutOverridesSerializer(Serializer):
    """Timeouts of one session; `null` leaves one to the agent, else to the server."""

    def get_fields(self) -> dict[str, AnyField]:
        """Return fields with the bounds that the settings say now."""
        limits = conf.timeout_limits
        fields = TimeoutConfigSerializer().get_fields()
        for name, limited in {
            "timeoutMinutes": "timeout_minutes",
            "maxDurationMinutes": "max_duration_minutes",
            "warningThresholdMinutes": "warning_threshold_minutes",
        }.items():
            smallest, largest = limits.range_of(limited)
            fields[name] = serializers.IntegerField(
                min_value=smallest, max_value=largest, help_text=fields[name].help_text
            )
        for field in fields.values():
            field.required, field.allow_null = False, True
        return fields


@extend_schema_field(
    {
        "type": "object",
        # What the original's clients send by convention; any other key is as welcome.
        "properties": {
            "platform": {"description": "Where the session was started."},
            "username": {"description": "What the user is called there."},
            "discriminator": {"description": "What tells users of one name apart."},
            "avatar": {"description": "The address of the user's picture."},
        },
        "additionalProperties": {},
    }
)
class SessionMetadataField(serializers.DictField):
    """Metadata of a session, with the keys that are usual."""


@extend_schema_serializer(examples=[examples.CREATE_SESSION])
class CreateSessionSerializer(Serializer):
    """Who wants to talk to which agent."""

    agentId = serializers.UUIDField(help_text="An enabled agent.")
    userId = serializers.UUIDField(help_text="The user, by an id of your own.")
    metadata = SessionMetadataField(
        required=False,
        allow_null=True,
        help_text=f"Any JSON, at most {MAX_METADATA_BYTES} bytes as compact UTF-8.",
    )
    timeoutConfig = TimeoutOverridesSerializer(required=False, allow_null=True)


@extend_schema_serializer(examples=[examples.CREATED_SESSION])
class CreatedSessionSerializer(Serializer):
    """A session as it was created."""

    sessionId = serializers.UUIDField()
    channelId = serializers.UUIDField(help_text="The room of its realtime events.")
    agentId = serializers.UUIDField()
    userId = serializers.UUIDField()
    createdAt = serializers.DateTimeField()
    metadata = serializers.DictField(help_text="As it was sent.")
    expiresAt = serializers.DateTimeField(help_text="When it is over, unless renewed.")
    timeoutConfig = TimeoutConfigSerializer()


@extend_schema_serializer(examples=[examples.SESSION_INFO])
class SessionInfoSerializer(CreatedSessionSerializer):
    """A session as it is now."""

    lastActivity = serializers.DateTimeField(
        help_text="The last message, heartbeat or manual renewal."
    )
    renewalCount = serializers.IntegerField(min_value=0)
    timeRemaining = serializers.IntegerField(
        min_value=0, help_text="Milliseconds until it expires."
    )
    isNearExpiration = serializers.BooleanField(
        help_text="Whether `warningThresholdMinutes` or less are left."
    )


class SessionCountsSerializer(Serializer):
    """How many sessions are stored, whatever the filters say."""

    totalSessions = serializers.IntegerField(min_value=0)
    activeSessions = serializers.IntegerField(min_value=0)
    expiredSessions = serializers.IntegerField(min_value=0)


@extend_schema_serializer(many=False, examples=[examples.SESSION_LIST])
class SessionListSerializer(Serializer):
    """A page of sessions, newest first."""

    sessions = SessionInfoSerializer(many=True)
    total = serializers.IntegerField(
        min_value=0, help_text="How many sessions the filters match, on all pages."
    )
    stats = SessionCountsSerializer()
    hasMore = serializers.BooleanField()
    nextCursor = serializers.CharField(
        allow_null=True, help_text="The `cursor` of the next page; `null` on the last."
    )


class OutcomeSerializer(Serializer):
    """That it worked."""

    success = EnumField([True])
    message = serializers.CharField()


@extend_schema_serializer(examples=[examples.ENDED_SESSION])
class EndedSessionSerializer(OutcomeSerializer):
    """That the session has ended, said twice: clients differ in where they look."""

    data = OutcomeSerializer()  # type: ignore[assignment]  # no attribute


@extend_schema_serializer(examples=[examples.HEALTHY])
class SessionsHealthSerializer(Serializer):
    """How the service is."""

    status = EnumField(
        [status.value for status in Status],
        help_text="`degraded`: deadlines, replies or events have waited too long. "
        "`unhealthy`: the database does not answer, and all counts are 0.",
    )
    activeSessions = serializers.IntegerField(min_value=0)
    expiringSoon = serializers.IntegerField(
        min_value=0, help_text="Active sessions within their warning threshold."
    )
    invalidSessions = serializers.IntegerField(
        min_value=1, required=False, help_text="Absent while there are none."
    )
    timestamp = serializers.DateTimeField()
    uptime = serializers.FloatField(
        min_value=0, help_text="Seconds since the process that answers has started."
    )
