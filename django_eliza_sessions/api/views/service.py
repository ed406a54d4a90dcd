"""The service itself over HTTP: its health, and what it does not know."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from django_eliza_sessions.api import presenters
from django_eliza_sessions.api.body import answer
from django_eliza_sessions.api.schema.service import document_health
from django_eliza_sessions.api.views.base import ContractView, ContractViewSet
from django_eliza_sessions.exceptions import NotFoundError, quote
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import overview


@document_health
class HealthViewSet(ContractViewSet):
    """Tells how the service is; anybody may ask."""

    authentication_classes = ()
    throttle_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Ask nobody who they are."""
        self.principal = SYSTEM

    def retrieve(self, request: Request) -> HttpResponse:
        """Check health."""
        state = overview.check_health()
        unhealthy = state.status == overview.Status.UNHEALTHY
        return answer(presenters.health(state), status=503 if unhealthy else 200)


class UnknownPathView(ContractView):
    """Answers for every path below the base that is no operation."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse whatever is asked.

        Raises:
            NotFoundError: Always.
        """
        raise NotFoundError(f"There is nothing at {quote(request.path)}.")
