"""What the OpenAPI document says about the service itself."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from django_eliza_sessions.api import examples
from django_eliza_sessions.api.schema.operations import document
from django_eliza_sessions.api.serializers import sessions

document_health = document(
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
                examples=[examples.UNHEALTHY],
            ),
        },
    )
)
