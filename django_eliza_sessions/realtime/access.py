"""Who opens a socket: the same callers as over HTTP, from the same host."""

from io import BytesIO
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse

from django_eliza_sessions.conf import conf
from django_eliza_sessions.content import parse_uuid
from django_eliza_sessions.exceptions import InvalidRequestError, quote
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services.access import (
    client_address,
    principal_of_key,
    principal_of_user,
)


def identify(environ: dict[str, Any], auth: object) -> tuple[Principal, str | None]:
    """Return who opens a socket, and the id of the entity it speaks for, if it says so.

    Args:
        environ: The handshake's request.
        auth: What the client sent with it: ``{apiKey, entityId}``, both optional.

    Raises:
        AuthenticationError: The key is wrong, or nobody is known and access is not open.
        InvalidRequestError: The host or ``auth`` is not allowed.
        InvalidUuidError: ``entityId`` is no UUID.
    """
    request = _request(environ)
    try:
        request.get_host()
    except DisallowedHost as error:
        raise InvalidRequestError("host", "is not one of this server's") from error
    auth = {} if auth is None else auth
    if not isinstance(auth, dict):
        raise InvalidRequestError("auth", f"must be an object, got {quote(auth)}")
    entity_id = auth.get("entityId")
    if entity_id is not None:
        entity_id = str(parse_uuid(entity_id, "entity_id"))
    key = auth.get("apiKey")
    if key is None:
        key = request.headers.get("X-API-KEY")
    if key is None:
        return principal_of_user(_user(request)), entity_id
    if not isinstance(key, str):
        raise InvalidRequestError("api_key", "must be a string")
    return principal_of_key(key), entity_id


def address_of(environ: dict[str, Any]) -> str:
    """Return where a socket is opened from."""
    return client_address(_request(environ).META)


def is_allowed_origin(origin: str | None, environ: dict[str, Any]) -> bool:
    """Tell whether pages of an origin may open sockets; cookies would come with them."""
    if origin is None or origin in conf.realtime_allowed_origins:
        return origin is not None
    request = _request(environ)
    try:
        return origin == f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return False


def _request(environ: dict[str, Any]) -> ASGIRequest:
    """Return the handshake as Django sees requests, with its rules about proxies."""
    scope = environ["asgi.scope"]
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    return ASGIRequest({**scope, "method": "GET", "scheme": scheme}, BytesIO())


def _user(request: ASGIRequest) -> AbstractBaseUser | AnonymousUser:
    """Return who is logged in, by the cookie of Django's sessions."""
    if not apps.is_installed("django.contrib.sessions"):
        return AnonymousUser()
    SessionMiddleware(lambda _request: HttpResponse()).process_request(request)
    return get_user(request)
