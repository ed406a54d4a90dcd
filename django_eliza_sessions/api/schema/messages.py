"""What the OpenAPI document says about messages and replies."""

from drf_spectacular.utils import OpenApiResponse

from django_eliza_sessions.api import error_examples as error
from django_eliza_sessions.api import examples
from django_eliza_sessions.api.schema.operations import document, operation
from django_eliza_sessions.api.serializers import messages, replies
from django_eliza_sessions.api.serializers import parameters as parameter

_STREAM_MEANING = (
    "The reply as it comes: `user_message`, each `chunk`, then `done` or `error`, the end. "
    "Comments keep the stream alive. The reply goes on without its listeners; the `id` of "
    "the last event says where to go on listening."
)
_STREAM = {
    (200, "text/event-stream"): OpenApiResponse(
        replies.ReplyEventSerializer,
        description=_STREAM_MEANING,
        examples=[examples.REPLY_STREAM],
    )
}

document_messages = document(
    create=operation(
        "sendSessionMessage",
        "Send a message",
        "Stores the user's message and has the agent answer it. With `autoRenew` that "
        "renews the session. `transport` says how the reply comes.",
        parameters=(
            *parameter.ONE_SESSION,
            *parameter.IDEMPOTENCY,
            *parameter.REPLY_LOCATION,
            *parameter.rate_headers(200, 201, 202),
        ),
        request=messages.SendMessageSerializer,
        answer=(
            201,
            messages.SentMessageSerializer,
            "The stored message; with the reply, if the request waited for it.",
        ),
        other_answers=_STREAM
        | {
            202: OpenApiResponse(
                messages.SentMessageSerializer,
                description="The stored message; its reply takes longer.",
                examples=[examples.UNANSWERED_MESSAGE],
            )
        },
        errors=(
            *error.WITH_BODY,
            error.BAD_CONTENT,
            error.BAD_METADATA,
            *error.LIVE_SESSION,
            error.NO_AGENT,
            error.BUSY,
            error.KEY_REUSED,
            error.LIMITED,
            error.NOT_ANSWERED,
        ),
    ),
    list=operation(
        "getSessionMessages",
        "Read the history",
        "Shows a page of messages, newest first. `after` alone pages forward: it gives the "
        "oldest messages after that time.",
        parameters=(*parameter.ONE_SESSION, *parameter.MESSAGE_PAGE),
        answer=(200, messages.MessagePageSerializer, "A page of messages."),
        errors=(error.BAD_LIMIT, *error.LIVE_SESSION),
    ),
)

document_replies = document(
    retrieve=operation(
        "getMessageReply",
        "Follow a reply",
        "Shows the reply to a message as it stands; with `Accept: text/event-stream`, "
        "tells it from its beginning, or from where the client stopped.",
        parameters=(*parameter.ONE_MESSAGE, *parameter.RESUME),
        answer=(
            200,
            replies.ReplySerializer,
            f"The reply as it stands, or: {_STREAM_MEANING}",
        ),
        other_answers=_STREAM
        | {204: OpenApiResponse(description="The client has the last event already.")},
        errors=(error.BAD_EVENT_ID, *error.LIVE_SESSION, error.NO_MESSAGE),
    ),
    cancel=operation(
        "cancelMessageReply",
        "Cancel a reply",
        "Stops the reply to a message and keeps what was said. Twice does no harm.",
        parameters=parameter.ONE_MESSAGE,
        answer=(200, replies.CancelledReplySerializer, "The reply is cancelled."),
        errors=(*error.WITH_BODY, *error.LIVE_SESSION, error.NO_MESSAGE, error.FINISHED),
    ),
)
