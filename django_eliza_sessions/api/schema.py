"""What the OpenAPI document says about each operation: one decorator per viewset."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.views import APIView

from django_eliza_sessions.api import error_examples as error
from django_eliza_sessions.api.examples import UNHEALTHY
from django_eliza_sessions.api.serializers import messages, sessions
from django_eliza_sessions.api.serializers import parameters as parameter
from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import SessionsError

Decorator = Callable[[Any], Any]
View = TypeVar("View", bound=APIView)


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
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
            "description": "The server's own key; its holder is an administrator.",
        }


def _document(**operations: Decorator) -> Callable[[type[View]], type[View]]:
    """Return a decorator that documents the actions of a viewset."""

    def document(viewset: type[View]) -> type[View]:
        for action, describe in operations.items():
            method = getattr(viewset, action)
            # What to build on; otherwise that is the project's DEFAULT_SCHEMA_CLASS.
            method.kwargs = {"schema": AutoSchema}
            describe(method)
        return viewset

    return document


def _operation(
    operation_id: str,
    summary: str,
    description: str,
    *,
    answer: tuple[int, Any, str],
    errors: tuple[SessionsError, ...],
    parameters: tuple[OpenApiParameter, ...] = (),
    request: Any = None,
) -> Decorator:
    status, shape, meaning = answer
    return extend_schema(
        operation_id=operation_id,
        tags=["messaging"],
        summary=summary,
        description=description,
        parameters=[*parameters, *parameter.ERROR_HEADERS],
        request=request,
        responses={status: OpenApiResponse(shape, description=meaning)}
        | error.error_responses((*errors, *error.ANYWHERE)),
    )


document_sessions = _document(
    create=_operation(
        "createSession",
        "Start a session",
        "Opens a conversation between a user and an agent. Timeouts that are left out come "
        "from the agent, else from the server.",
        request=sessions.CreateSessionSerializer,
        answer=(201, sessions.CreatedSessionSerializer, "The new session."),
        errors=(
            *error.WITH_BODY,
            error.MISSING_FIELDS,
            error.BAD_UUID,
            error.BAD_METADATA,
            error.BAD_TIMEOUT,
            error.NO_AGENT,
            error.NOT_CREATED,
        ),
    ),
    list=_operation(
        "listSessions",
        "List sessions",
        "Shows everybody's sessions, page by page; for administrators only.",
        parameters=parameter.SESSION_LIST,
        answer=(200, sessions.SessionListSerializer, "A page of sessions."),
        errors=(error.BAD_STATE, error.BAD_UUID),
    ),
    retrieve=_operation(
        "getSession",
        "Look at a session",
        "Shows a live session. Looking does not renew it.",
        parameters=parameter.ONE_SESSION,
        answer=(200, sessions.SessionInfoSerializer, "The session."),
        errors=error.LIVE_SESSION,
    ),
    destroy=_operation(
        "endSession",
        "End a session",
        "Ends a session for good, also one that has expired.",
        parameters=parameter.ONE_SESSION,
        answer=(200, sessions.EndedSessionSerializer, "The session has ended."),
        errors=(*error.WITH_BODY, error.NO_SESSION),
    ),
    renew=_operation(
        "renewSession",
        "Renew a session",
        "Starts the idle time of a session anew, whatever its `autoRenew` says.",
        parameters=parameter.ONE_SESSION,
        answer=(200, sessions.SessionInfoSerializer, "The renewed session."),
        errors=(*error.WITH_BODY, *error.LIVE_SESSION, error.AT_MAXIMUM),
    ),
    update_timeout=_operation(
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
    heartbeat=_operation(
        "sessionHeartbeat",
        "Keep a session alive",
        "Tells that the user is still there. With `autoRenew` that renews the session.",
        parameters=parameter.ONE_SESSION,
        answer=(200, sessions.SessionInfoSerializer, "The session."),
        errors=(*error.WITH_BODY, *error.LIVE_SESSION),
    ),
)

document_messages = _document(
    create=_operation(
        "sendSessionMessage",
        "Send a message",
        "Stores the user's message and has the agent answer it. With `autoRenew` that "
        "renews the session.",
        parameters=parameter.ONE_SESSION,
        request=messages.SendMessageSerializer,
        answer=(
            201,
            messages.SentMessageSerializer,
            "The stored message; with the reply, if the request waited for it.",
        ),
        errors=(
            *error.WITH_BODY,
            error.BAD_CONTENT,
            error.BAD_METADATA,
            *error.LIVE_SESSION,
            error.NO_AGENT,
            error.NOT_ANSWERED,
        ),
    ),
    list=_operation(
        "getSessionMessages",
        "Read the history",
        "Shows a page of messages, newest first. `after` alone pages forward: it gives the "
        "oldest messages after that time.",
        parameters=(*parameter.ONE_SESSION, *parameter.MESSAGE_PAGE),
        answer=(200, messages.MessagePageSerializer, "A page of messages."),
        errors=(error.BAD_LIMIT, *error.LIVE_SESSION),
    ),
)

document_health = _document(
    retrieve=extend_schema(
        operation_id="getSessionsHealth",
        tags=["messaging"],
        summary="Check health",
        description="Tells how the service is. Anybody may ask.",
        auth=[],
        responses={
            200: OpenApiResponse(
                sessions.SessionsHealthSerializer, description="It works."
            ),
            503: OpenApiResponse(
                sessions.SessionsHealthSerializer,
                description="It does not work.",
                examples=[UNHEALTHY],
            ),
        },
    )
)
