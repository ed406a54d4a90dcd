"""What the OpenAPI document says about sessions."""

from django_eliza_sessions.api import error_examples as error
from django_eliza_sessions.api.schema.operations import document, operation
from django_eliza_sessions.api.serializers import parameters as parameter
from django_eliza_sessions.api.serializers import sessions

document_sessions = document(
    create=operation(
        "createSession",
        "Start a session",
        "Opens a conversation between a user and an agent. Timeouts that are left out come "
        "from the agent, else from the server.",
        parameters=(*parameter.IDEMPOTENCY, *parameter.rate_headers(201)),
        request=sessions.CreateSessionSerializer,
        answer=(201, sessions.CreatedSessionSerializer, "The new session."),
        errors=(
            *error.WITH_BODY,
            error.MISSING_FIELDS,
            error.BAD_UUID,
            error.BAD_METADATA,
            error.BAD_TIMEOUT,
            error.NO_AGENT,
            error.KEY_REUSED,
            error.LIMITED,
            error.NOT_CREATED,
        ),
    ),
    list=operation(
        "listSessions",
        "List sessions",
        "Shows sessions page by page: everybody's, for administrators only, or with "
        "`mine=true` the caller's own.",
        parameters=parameter.SESSION_LIST,
        answer=(200, sessions.SessionListSerializer, "A page of sessions."),
        errors=(error.BAD_STATE, error.BAD_UUID),
    ),
    retrieve=operation(
        "getSession",
        "Look at a session",
        "Shows a live session. Looking does not renew it.",
        parameters=parameter.ONE_SESSION,
        answer=(200, sessions.SessionInfoSerializer, "The session."),
        errors=error.LIVE_SESSION,
    ),
    destroy=operation(
        "endSession",
        "End a session",
        "Ends a session for good, also one that has expired.",
        parameters=parameter.ONE_SESSION,
        answer=(200, sessions.EndedSessionSerializer, "The session has ended."),
        errors=(*error.WITH_BODY, error.NO_SESSION),
    ),
    renew=operation(
        "renewSession",
        "Renew a session",
        "Starts the idle time of a session anew, whatever its `autoRenew` says.",
        parameters=parameter.ONE_SESSION,
        answer=(200, sessions.SessionInfoSerializer, "The renewed session."),
        errors=(*error.WITH_BODY, *error.LIVE_SESSION, error.AT_MAXIMUM),
    ),
    update_timeout=operation(
        "updateSessionTimeout",
        "Change a session's timeouts",
        "Changes the timeouts that are given and keeps the others. `null` puts one back to "
        "what the agent, else the server, says. Nothing may end the session at once.",
        parameters=parameter.ONE_SESSION,
        # Unless it is read-only, drf-spectacular adds a second component, "Patched…".
        request=sessions.TimeoutOverridesSerializer(read_only=True),
        answer=(200, sessions.SessionInfoSerializer, "The session with its new timeouts."),
        errors=(*error.WITH_BODY, error.BAD_TIMEOUT, *error.LIVE_SESSION),
    ),
    heartbeat=operation(
        "sessionHeartbeat",
        "Keep a session alive",
        "Tells that the user is still there. With `autoRenew` that renews the session.",
        parameters=parameter.ONE_SESSION,
        answer=(200, sessions.SessionInfoSerializer, "The session."),
        errors=(*error.WITH_BODY, *error.LIVE_SESSION),
    ),
)
