"""Bodies in and out: strict JSON, whatever the client says it accepts."""

from collections.abc import Mapping
from typing import IO, Any, cast

from django.http import HttpResponse, UnreadablePostError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from django_eliza_sessions.conf import conf
from django_eliza_sessions.content import decode_json
from django_eliza_sessions.exceptions import (
    InvalidRequestError,
    MissingFieldsError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
    quote,
)
from django_eliza_sessions.wire import write_json


class StrictJSONParser(BaseParser):
    """Reads a JSON object of bounded size and depth."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object; ``{}`` for an empty body of any type.

        Raises:
            UnsupportedMediaTypeError: It is not declared as JSON.
            PayloadTooLargeError: It has more bytes than the setting allows.
            InvalidRequestError: It is no JSON object.
        """
        limit = conf.max_body_bytes
        try:
            body = stream.read(limit + 1)
        except UnreadablePostError as error:
            raise InvalidRequestError("body", "ended too soon") from error
        if len(body) > limit:
            raise PayloadTooLargeError(
                f"The body may have at most {limit} bytes.", maximum=limit
            )
        if not body:
            return {}
        if (media_type or "").partition(";")[0].strip().lower() != self.media_type:
            raise UnsupportedMediaTypeError(
                "Send the body as JSON, with Content-Type: application/json."
            )
        value = decode_json(body)
        if not isinstance(value, dict):
            raise InvalidRequestError("body", f"must be an object, got {quote(value)}")
        return value


class AlwaysJSON(BaseContentNegotiation):
    """Reads the one form the contract knows, whatever the client says it sends."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser:
        """Return the only parser, which looks at the media type itself."""
        return cast("BaseParser", parsers[0])


def answer(
    body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return JSON in UTF-8, whatever client or project think of forms and indentation."""
    content = write_json(body)
    return HttpResponse(
        content, content_type="application/json", status=status, headers=headers
    )


def require(body: Mapping[str, Any], *fields: str) -> None:
    """Refuse a body that lacks required fields, naming all of them.

    Raises:
        MissingFieldsError: Some are absent or null.
    """
    missing = [field for field in fields if body.get(field) is None]
    if missing:
        raise MissingFieldsError(" and ".join(missing), "must be given", fields=missing)
