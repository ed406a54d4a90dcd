"""Messages over HTTP."""

from rest_framework.request import Request
from rest_framework.response import Response

from django_eliza_sessions.api import presenters
from django_eliza_sessions.api.query import parse_limit, parse_moment, single_values
from django_eliza_sessions.api.schema import document_messages
from django_eliza_sessions.api.views.base import ContractViewSet
from django_eliza_sessions.services import lookup, messages

DEFAULT_PAGE = 50
MAX_PAGE = 100


@document_messages
class MessageViewSet(ContractViewSet):
    """Send messages and read the history."""

    def create(self, request: Request, **_path: str) -> Response:
        """Send a message."""
        body = self.body
        transport = body.get("transport")
        sent = messages.send_message(
            principal=self.principal,
            session_id=self.session_id,
            content=body.get("content", ""),
            metadata=body.get("metadata"),
            attachments=body.get("attachments"),
            transport=body.get("mode") if transport is None else transport,
        )
        return Response(presenters.sent_message(sent), status=201)

    def list(self, request: Request, **_path: str) -> Response:
        """Read the history."""
        session = lookup.get_session(principal=self.principal, session_id=self.session_id)
        query = single_values(request.query_params)
        page = messages.list_messages(
            session=session,
            limit=parse_limit(query, default=DEFAULT_PAGE, maximum=MAX_PAGE),
            before=parse_moment(query, "before"),
            after=parse_moment(query, "after"),
        )
        return Response(presenters.message_page(page))
