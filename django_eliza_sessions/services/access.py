"""Who a caller is, at every door (contract, "Access")."""

from collections.abc import Iterable, Mapping
from hmac import compare_digest
from typing import cast
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils.module_loading import import_string

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import AuthenticationError
from django_eliza_sessions.principals import USER, Principal, derive_user_id, id_of_user
from django_eliza_sessions.proxies import client_network
from django_eliza_sessions.services.keys import find_key, find_void_keys

_SERVER = Principal(id="key:server", is_admin=True)
#: Everybody who comes without a key where access is open.
ANYBODY = Principal(id="anybody", is_admin=True)


def principal_of_key(text: str) -> Principal:
    """Return whose API key this is: the server's own, or one that was made.

    Raises:
        AuthenticationError: Nobody's, or no longer, also where access is open.
    """
    token = conf.server_auth_token
    if token is not None and compare_digest(_bytes(text), _bytes(token)):
        return _SERVER
    key = find_key(text)
    if key is None:
        raise AuthenticationError("The API key is not valid.")
    return Principal(
        id=key.principal_id,
        is_admin=key.is_admin,
        user_id=None if key.is_admin or key.may_act_as else key.user_id,
        agent_ids=frozenset(map(UUID, key.agent_ids)) or None,
    )


def _bytes(key: str) -> bytes:
    return key.encode(errors="surrogatepass")  # JSON can hold what UTF-8 cannot


def principal_of_user(user: AbstractBaseUser | AnonymousUser | None) -> Principal:
    """Return the principal of somebody who sent no key.

    Raises:
        AuthenticationError: Nobody is logged in, and access is not open.
    """
    is_open = conf.access == "open"
    if user is not None and user.is_authenticated:
        is_admin = is_open or getattr(user, "is_staff", False)
        return Principal(
            id=id_of_user(user),
            is_admin=is_admin,
            user_id=None if is_admin else user_id_of(user),
        )
    if is_open:
        return ANYBODY
    raise AuthenticationError("Send a valid X-API-KEY header, or log in.")


def find_void(principals: Iterable[Principal]) -> set[Principal]:
    """Return those of some callers who would not be let in again as who they were.

    Their key is revoked or has expired; or they are users who were deactivated, were
    deleted, or have become staff or are staff no longer. Takes two queries at most.
    """
    callers = set(principals)
    void_keys = find_void_keys(caller.id for caller in callers)
    users = {caller for caller in callers if caller.id.startswith(USER)}
    return {caller for caller in callers if caller.id in void_keys} | _find_void_users(
        users
    )


def _find_void_users(callers: set[Principal]) -> set[Principal]:
    if not callers:
        return set()
    keys = {caller.id.removeprefix(USER) for caller in callers}
    users = get_user_model()._default_manager.filter(pk__in=keys)
    return callers - {principal_of_user(user) for user in users if user.is_active}


def user_id_of(user: AbstractBaseUser | AnonymousUser) -> UUID:
    """Return the ``userId`` of one of the project's users, as the project maps them."""
    return cast("UUID", import_string(conf.user_id)(user))


def default_user_id(user: AbstractBaseUser) -> UUID:
    """Return what hangs on the user's primary key alone; the default of ``USER_ID``."""
    return derive_user_id(id_of_user(user))


def client_address(meta: Mapping[str, str]) -> str:
    """Return where a request comes from, as far as can be trusted.

    Args:
        meta: The request's ``META``, as Django has it.
    """
    peer, forwarded = meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", "")
    return client_network(peer, forwarded, conf.trusted_proxies)
