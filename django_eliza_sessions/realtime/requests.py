"""What clients send, read and checked (contract, "Realtime")."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django_eliza_sessions.content import parse_uuid
from django_eliza_sessions.exceptions import (
    InvalidContentError,
    InvalidRequestError,
    InvalidUuidError,
    MissingFieldsError,
    quote,
)
from django_eliza_sessions.services.idempotency import MAX_KEY_CHARACTERS, own_key

Payload = Mapping[str, Any]

#: What a ``message`` can ask for by its type.
JOIN, SEND = 1, 2


def read_payload(arguments: tuple[Any, ...]) -> Payload:
    """Return what an event carries.

    Raises:
        InvalidRequestError: It is no object.
    """
    value = arguments[0] if arguments else None
    if not isinstance(value, dict):
        raise InvalidRequestError("payload", f"must be an object, got {quote(value)}")
    return value


def read_room(payload: Payload) -> UUID:
    """Return the session's id, which is its channel's and its room's.

    Raises:
        MissingFieldsError: There is none.
        InvalidUuidError: It is no UUID.
    """
    for name, field in (("roomId", "room_id"), ("channelId", "channel_id")):
        if payload.get(name) is not None:
            return parse_uuid(payload[name], field)
    raise MissingFieldsError("room_id", "is required; channelId may stand for it")


def read_after(payload: Payload) -> int | None:
    """Return the sequence number of the last event that a client knows, if it names one.

    Raises:
        InvalidRequestError: It is none.
    """
    after = payload.get("afterSequence")
    if after is None:
        return None
    # In JSON 1.0 is a whole number and true is not; in Python it is the other way.
    is_number = isinstance(after, int | float) and not isinstance(after, bool)
    if not is_number or after < 0 or after != int(after):
        raise InvalidRequestError(
            "after_sequence",
            f"must be the sequence number of an event, or 0, got {quote(after)}",
        )
    return int(after)


def read_type(payload: Payload) -> int:
    """Return what a ``message`` asks for.

    Raises:
        InvalidRequestError: It is not known.
    """
    kind = payload.get("type")
    if isinstance(kind, bool) or kind not in (JOIN, SEND):
        raise InvalidRequestError(
            "type", f"must be {JOIN} (join) or {SEND} (send), got {quote(kind)}"
        )
    return int(kind)


def check_sender(payload: Payload, user_id: UUID) -> None:
    """Refuse a sender that is not the session's user.

    Raises:
        InvalidUuidError: It is another one, or no UUID.
    """
    sender = payload.get("senderId")
    if sender is not None and parse_uuid(sender, "sender_id") != user_id:
        raise InvalidUuidError("sender_id", "must be the userId of the session")


def read_message(payload: Payload, session_id: UUID) -> dict[str, Any]:
    """Return a message as ``send_message`` takes it, which checks the rest.

    Raises:
        InvalidContentError: The sender's name is no text.
        InvalidRequestError: ``messageId`` cannot be remembered.
    """
    return {
        "content": payload.get("message", ""),
        "metadata": _named(payload.get("metadata"), payload.get("senderName")),
        "attachments": payload.get("attachments"),
        "message_id": _message_id(session_id, payload.get("messageId")),
    }


def _named(metadata: Any, sender_name: object) -> Any:
    """Return metadata with the sender's name where the released server keeps it."""
    if sender_name is None or not isinstance(metadata, dict | None):
        return metadata
    if not isinstance(sender_name, str):
        raise InvalidContentError("sender_name", "must be a string")
    return {"user_display_name": sender_name} | (metadata or {})


def _message_id(session_id: UUID, message_id: Any) -> Any:
    """Return the client's own id of a message, if it gives one."""
    if message_id is None or own_key(session_id, message_id):
        return message_id
    longest = MAX_KEY_CHARACTERS - len(f"{session_id}:")
    raise InvalidRequestError(
        "message_id", f"must have 1 to {longest} printable ASCII characters"
    )
