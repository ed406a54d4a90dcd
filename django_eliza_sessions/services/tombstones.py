"""Tombstones: the ids of users whose everything was erased are not used again."""

from uuid import UUID

from django.utils.crypto import salted_hmac

from django_eliza_sessions.conf import read_secret_keys


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
