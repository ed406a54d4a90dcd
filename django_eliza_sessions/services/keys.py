"""API keys: made, recognised and revoked.

A secret is 256 random bits, which nobody can guess. So one round of SHA-256 keeps it safe
at rest; a slow hash is for passwords that people choose, and would only cost time here.
"""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import (
    AgentNotFoundError,
    InvalidRequestError,
    NotFoundError,
    quote,
)
from django_eliza_sessions.models import Agent, ApiKey
from django_eliza_sessions.models.api_key import MAX_NAME_CHARACTERS
from django_eliza_sessions.models.rows import fetch_row
from django_eliza_sessions.principals import KEY
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import Action, record

_TEXT = re.compile(r"eliza_([0-9a-f]{12})_[\w-]{43}", re.ASCII)
#: How late ``last_used_at`` may be, so that a busy key is not written all the time.
LAST_USED_GRAIN = timedelta(minutes=10)


def create_key(
    *,
    name: str,
    may_act_as: bool = False,
    is_admin: bool = False,
    agent_ids: Iterable[UUID] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key.

    Args:
        name: What it is for.
        may_act_as: Whether it may open sessions for any user, not only for its own.
        is_admin: Whether it sees everybody's sessions, and may act as anybody.
        agent_ids: The only agents it may have to do with; none for all of them.
        expires_at: When it stops working; ``None`` for never.

    Returns:
        The key, and its text, which cannot be had again.

    Raises:
        AgentNotFoundError: One of the agents does not exist.
        InvalidRequestError: The name is empty, or too long.
    """
    if not 0 < len(name) <= MAX_NAME_CHARACTERS:
        raise InvalidRequestError(
            "name", f"must have 1 to {MAX_NAME_CHARACTERS} characters"
        )
    agent_ids = list(agent_ids)
    known = set(Agent.objects.filter(pk__in=agent_ids).values_list("pk", flat=True))
    for agent_id in agent_ids:
        if agent_id not in known:
            raise AgentNotFoundError(f"There is no agent {agent_id}.")
    key = ApiKey(
        name=name,
        may_act_as=may_act_as,
        is_admin=is_admin,
        agent_ids=[str(agent_id) for agent_id in agent_ids],
        expires_at=expires_at,
    )
    return key, store_key(key)


@transaction.atomic
def store_key(key: ApiKey) -> str:
    """Store a new key with a new secret, and return its text."""
    key.prefix = secrets.token_hex(6)
    text = f"eliza_{key.prefix}_{secrets.token_urlsafe(32)}"
    key.digest = _digest(text)
    key.created_at = clock.now()
    key.save(force_insert=True)
    record(Action.KEY_CREATED, key=key.principal_id, scopes=key.scopes)
    return text


@transaction.atomic
def revoke_key(*, prefix: str) -> ApiKey:
    """Revoke a key for good; harmless when repeated.

    Processes that know it still take it for ``API_KEY_CACHE_SECONDS`` at most.

    Raises:
        NotFoundError: There is no such key.
    """
    unrevoked = ApiKey.objects.filter(prefix=prefix, revoked_at=None)
    if unrevoked.update(revoked_at=clock.now()):
        record(Action.KEY_REVOKED, key=f"{KEY}{prefix}")
    key = fetch_row(ApiKey, prefix=prefix)
    if key is None:
        raise NotFoundError(f"There is no API key with the prefix {quote(prefix)}.")
    return key


def list_keys() -> list[ApiKey]:
    """Return every key, the newest first."""
    return list(ApiKey.objects.order_by("-created_at", "-id"))


def find_void_keys(principal_ids: Iterable[str]) -> set[str]:
    """Return those of some callers whose API key is revoked or has expired."""
    names = [name for name in principal_ids if name.startswith(KEY)]
    prefixes = [name.removeprefix(KEY) for name in names]
    if not prefixes:
        return set()
    over = Q(revoked_at__isnull=False) | Q(expires_at__lte=clock.now())
    return {key.principal_id for key in ApiKey.objects.filter(over, prefix__in=prefixes)}


def find_key(text: str) -> ApiKey | None:
    """Return the valid key that has this text.

    What is known of it is at most ``API_KEY_CACHE_SECONDS`` old, and mostly takes no query.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    now = clock.now()
    # All that is remembered becomes void when a period ends.
    period = now.timestamp() // conf.api_key_cache_seconds
    key = _look_up(match[1], _digest(text), period)
    return key if key is not None and key.is_valid(now) else None


@lru_cache(maxsize=1024)
def _look_up(prefix: str, digest: str, _period: float) -> ApiKey | None:
    key = fetch_row(ApiKey, prefix=prefix)
    if key is None or not compare_digest(key.digest, digest):
        return None
    now = clock.now()
    if key.is_valid(now):
        _note_use(key, now)
    return key


def _note_use(key: ApiKey, now: datetime) -> None:
    cutoff = now - LAST_USED_GRAIN
    if key.last_used_at is None or key.last_used_at <= cutoff:
        # Of several processes at the same moment, one writes.
        late = Q(last_used_at=None) | Q(last_used_at__lte=cutoff)
        ApiKey.objects.filter(late, pk=key.pk).update(last_used_at=now)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
