"""What all our views share; nothing here reaches beyond them into the project."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from django_eliza_sessions.api.access import ApiKeyAuthentication, principal_of
from django_eliza_sessions.api.body import AlwaysJSON, StrictJSONParser
from django_eliza_sessions.api.errors import handle_exception, rate_headers
from django_eliza_sessions.conf import conf
from django_eliza_sessions.content import parse_uuid
from django_eliza_sessions.exceptions import InvalidUuidError, NotFoundError, quote
from django_eliza_sessions.origin import coming_from, current_origin
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services.access import client_address
from django_eliza_sessions.services.limits import Quota
from django_eliza_sessions.services.lookup import session_not_found

#: What every answer says unless it says otherwise: it is private, and nothing but data.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ContractView(APIView):
    """Speaks the contract: JSON both ways, its error shape, its order of checks.

    What DRF would find out for each request, but the contract has decided for all (the
    form of answers, versions), is not asked.
    """

    parser_classes = (StrictJSONParser,)
    #: For the schema alone: see ``answer``.
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJSON
    permission_classes = ()
    versioning_class = None
    schema = AutoSchema()

    principal: Principal
    #: The request's JSON object; ``{}`` without a body.
    body: dict[str, Any]
    #: What is left of the rate that the request counts for, if it counts.
    quota: Quota | None = None

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Our key first, then whatever the project uses."""
        return [ApiKeyAuthentication(), *super().get_authenticators()]

    @property
    def default_response_headers(self) -> dict[str, str]:
        """None; ``Allow`` is told where it matters."""
        return {}

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], HttpResponse]:
        """Our own handler, so that the project keeps its own."""
        return handle_exception

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        """Let DRF see a chunked body, which it takes for none: it asks for a length.

        Any length will do, for the parser never reads beyond its own limit.
        """
        if "HTTP_TRANSFER_ENCODING" in request.META:
            request.META["CONTENT_LENGTH"] = str(conf.max_body_bytes)
        return super().initialize_request(request, *args, **kwargs)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer, known by the id that the caller or we give the request."""
        request_id = request.META.get("HTTP_X_REQUEST_ID")
        with coming_from("http", request_id=request_id, actor="") as origin:
            response = super().dispatch(request, *args, **kwargs)
        response.headers["X-Request-ID"] = origin.request_id
        if self.quota is not None:
            told = rate_headers(self.quota.limit, self.quota.remaining, self.quota.reset)
            for name, value in told.items():
                response.headers[name] = value
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check in the contract's order: method, media type and JSON, then access."""
        method = str(request.method)
        if method == "OPTIONS":
            return
        known = method.lower()
        if known not in self.http_method_names or not hasattr(self, known):
            raise MethodNotAllowed(method)
        if method not in ("GET", "HEAD"):
            self.body = cast("dict[str, Any]", request.data)
        self.perform_authentication(request)
        self.check_permissions(request)
        self.check_throttles(request)
        self.principal = principal_of(request)
        current_origin().actor = self.principal.id

    def options(  # type: ignore[override]  # stubs know DRF's own responses only
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Say which methods there are, in ``Allow``."""
        return HttpResponse(headers={"Allow": ", ".join(self.allowed_methods)})


class ContractViewSet(ViewSetMixin, ContractView):
    """The same, with its methods chosen by the route."""

    @property
    def session_id(self) -> UUID:
        """The id in the path.

        Raises:
            SessionNotFoundError: It is no UUID, so there is no such session.
        """
        text = self.kwargs["sessionId"]
        try:
            return parse_uuid(text, "session_id")
        except InvalidUuidError as error:
            raise session_not_found(text) from error

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return client_address(self.request.META)

    @property
    def idempotency_key(self) -> str | None:
        """What the caller names the request, so that a retry is recognised."""
        return self.request.META.get("HTTP_IDEMPOTENCY_KEY")

    @property
    def message_id(self) -> UUID:
        """The id of the message in the path.

        Raises:
            NotFoundError: It is no UUID, so there is no such message.
        """
        text = self.kwargs["messageId"]
        try:
            return parse_uuid(text, "message_id")
        except InvalidUuidError as error:
            raise NotFoundError(f"There is no message {quote(text)}.") from error
