"""Recognising retries: the same key asks for the same thing once."""

import hashlib
import json
from datetime import timedelta
from uuid import UUID

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import IdempotencyKeyReusedError, InvalidRequestError
from django_eliza_sessions.models import IdempotencyKey, Message, Session
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock

MAX_KEY_CHARACTERS = 255


def recognise(
    *, principal: Principal, key: str | None, asked: object
) -> IdempotencyKey | None:
    """Remember a request by its caller's key, in the transaction that carries it out.

    Args:
        principal: The caller; keys of different callers never meet.
        key: What the caller named the request; ``None`` for nothing to remember.
        asked: All of the request, JSON-serialisable.

    Returns:
        The key's row; one whose ``session`` is set was carried out before.

    Raises:
        IdempotencyKeyReusedError: Something else was asked for under this key.
        InvalidRequestError: The key is empty, too long, or no printable ASCII.
    """
    if key is None:
        return None
    if not is_key(key):
        raise InvalidRequestError(
            "idempotency_key",
            f"must have 1 to {MAX_KEY_CHARACTERS} printable ASCII characters",
        )
    now = clock.now()
    canonical = json.dumps(asked, sort_keys=True, default=str)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    mine = IdempotencyKey.objects.filter(owner=principal.id, key=key)
    mine.filter(created_at__lte=now - timedelta(hours=conf.idempotency_hours)).delete()
    # Of two at the same moment, one waits here until the other has committed.
    row, _created = IdempotencyKey.objects.get_or_create(
        owner=principal.id, key=key, defaults={"digest": digest, "created_at": now}
    )
    if row.digest != digest:
        raise IdempotencyKeyReusedError(
            f"The idempotency key {key} was used for another request."
        )
    return row


def is_key(text: str) -> bool:
    """Tell whether a text can serve as a key."""
    return 0 < len(text) <= MAX_KEY_CHARACTERS and text.isascii() and text.isprintable()


def own_key(session_id: UUID, message_id: object) -> str | None:
    """Return the key that a client's own id of a message makes, if it can make one."""
    key = f"{session_id}:{message_id}"
    return key if isinstance(message_id, str) and message_id and is_key(key) else None


def remember(
    row: IdempotencyKey | None,
    *,
    session: Session,
    message: Message | None = None,
    was_renewed: bool = False,
) -> None:
    """Note what a request came to, if it is to be remembered at all."""
    if row is not None:
        row.session, row.message, row.was_renewed = session, message, was_renewed
        row.save()
