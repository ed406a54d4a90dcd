"""Tombstones: the ids of users whose everything was erased are not used again."""

from uuid import UUID

from django.utils.crypto import salted_hmac

from django_eliza_sessions.conf import read_secret_keys
from django_eliza_sessions.exceptions import PermissionDeniedError
from django_eliza_sessions.models import Erasure


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


def check_not_erased(user_id: UUID) -> None:
    """Refuse a user who has a tombstone.

    Raises:
        PermissionDeniedError: Everything of this user was erased.
    """
    if Erasure.objects.filter(user_digest__in=digests_of(user_id)).exists():
        raise PermissionDeniedError(
            f"Everything of the userId {user_id} was erased on request, so it cannot be "
            "used again; use a new one.",
            user_id=str(user_id),
        )
