"""Tombstones: the ids of users whose everything was erased are not used again."""

from collections.abc import Sequence
from uuid import UUID

from django.db import models
from django.utils.crypto import salted_hmac

from django_eliza_sessions.conf import read_secret_keys
from django_eliza_sessions.exceptions import PermissionDeniedError
from django_eliza_sessions.models import Erasure, Session
from django_eliza_sessions.models.together import insert_unless_and


def digests_of(user_id: UUID) -> list[str]:
    """Return what may stand for a user: by ``SECRET_KEY``, then by those it replaced.

    They are keyed, because many ids can be guessed: the default ones hang on a primary key.
    """
    return [
        salted_hmac(
            "django_eliza_sessions.erasures", str(user_id), secret=key, algorithm="sha256"
        ).hexdigest()
        for key in read_secret_keys()
    ]


def insert_session(
    session: Session, digests: Sequence[str], rows: Sequence[models.Model]
) -> None:
    """Store a new session and what comes with it, unless its user was erased.

    The agent's row must be kept in this transaction (``agents.keep_agent``): an erasure
    waits for it once its tombstone stands, so either sees what the other wrote.

    Args:
        session: Unsaved.
        digests: Of its user; see ``digests_of``.
        rows: Unsaved, too.

    Raises:
        PermissionDeniedError: The user was erased.
    """
    if not insert_unless_and(session, Erasure, "user_digest", digests, rows):
        raise PermissionDeniedError(
            f"Everything of the userId {session.user_id} was erased on request, so it "
            "cannot be used again; use a new one.",
            user_id=str(session.user_id),
        )
