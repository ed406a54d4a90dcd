"""Messages over HTTP."""

from typing import TYPE_CHECKING

from django.http import HttpResponse, HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.vary import vary_on_headers
from rest_framework.request import Request

from django_eliza_sessions.api import presenters
from django_eliza_sessions.api.body import answer
from django_eliza_sessions.api.query import parse_limit, parse_moment, single_values
from django_eliza_sessions.api.schema.messages import document_messages, document_replies
from django_eliza_sessions.api.streaming import (
    is_over,
    last_event_id,
    stream_reply,
    wants_stream,
)
from django_eliza_sessions.api.views.base import ContractViewSet
from django_eliza_sessions.exceptions import InvalidInputError
from django_eliza_sessions.services import history, limits, lookup, messages, replies
from django_eliza_sessions.services.storing import Transport

if TYPE_CHECKING:
    from django_eliza_sessions.models import Reply

DEFAULT_PAGE = 50
MAX_PAGE = 100


@document_messages
class MessageViewSet(ContractViewSet):
    """Send messages and read the history."""

    @method_decorator(vary_on_headers("Accept"))
    def create(self, request: Request, **_path: str) -> HttpResponseBase:
        """Send a message."""
        self.quota = limits.count_message(
            principal=self.principal, address=self.address, session_id=self.session_id
        )
        body = self.body
        transport = body.get("transport")
        if transport is None:
            transport = body.get("mode")
        if transport is None and wants_stream(request):
            transport = Transport.SSE
        sent = messages.send_message(
            principal=self.principal,
            session_id=self.session_id,
            content=body.get("content", ""),
            metadata=body.get("metadata"),
            attachments=body.get("attachments"),
            transport=transport,
            idempotency_key=self.idempotency_key,
        )
        if sent.transport == Transport.SSE:
            # Only a retry can have heard of this reply before.
            after = last_event_id(request, sent.reply) if sent.was_sent_before else -1
            return follow_reply(request, sent.reply, after)
        if sent.is_still_answered:
            location = f"{request.path.rstrip('/')}/{sent.message.pk}/reply"
            return answer(
                presenters.sent_message(sent), status=202, headers={"Location": location}
            )
        return answer(presenters.sent_message(sent), status=201)

    def list(self, request: Request, **_path: str) -> HttpResponse:
        """Read the history."""
        try:
            query = single_values(request.query_params)
            limit = parse_limit(query, default=DEFAULT_PAGE, maximum=MAX_PAGE)
            before, after = parse_moment(query, "before"), parse_moment(query, "after")
        except InvalidInputError:
            # Whether there is such a session is said first.
            lookup.get_session(principal=self.principal, session_id=self.session_id)
            raise
        page = history.list_messages(
            principal=self.principal,
            session_id=self.session_id,
            limit=limit,
            before=before,
            after=after,
        )
        return answer(presenters.message_page(page))


@document_replies
class ReplyViewSet(ContractViewSet):
    """Follow and cancel the reply to a message."""

    @method_decorator(vary_on_headers("Accept"))
    def retrieve(self, request: Request, **_path: str) -> HttpResponseBase:
        """Follow a reply."""
        reply = replies.get_reply(
            principal=self.principal,
            session_id=self.session_id,
            message_id=self.message_id,
        )
        after = last_event_id(request, reply)
        if not wants_stream(request):
            state = presenters.reply_state(
                reply, replies.answer_of(reply), replies.text_so_far(reply)
            )
            return answer(state)
        if request.method == "HEAD" and not is_over(reply, after):
            # Servers would read the events, to the end.
            return HttpResponse(content_type="text/event-stream")
        return follow_reply(request, reply, after)

    def cancel(self, request: Request, **_path: str) -> HttpResponse:
        """Cancel a reply."""
        reply = replies.cancel_reply(
            principal=self.principal,
            session_id=self.session_id,
            message_id=self.message_id,
        )
        return answer(presenters.cancelled_reply(reply, replies.answer_of(reply)))


def follow_reply(request: Request, reply: "Reply", after: int) -> HttpResponseBase:
    """Return what is left of a reply after an event, or a 204 when nothing is."""
    if is_over(reply, after):
        nothing = HttpResponse(status=204)
        del nothing.headers["Content-Type"]
        return nothing
    return stream_reply(request, reply, after)
