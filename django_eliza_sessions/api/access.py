"""Who is calling: an API key, or whoever the project's own authentication knows."""

from hmac import compare_digest

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import AuthenticationError
from django_eliza_sessions.principals import Principal

_SERVER = Principal(id="key:server", is_admin=True)
_ANYBODY = Principal(id="anybody", is_admin=True)


class ApiKeyAuthentication(BaseAuthentication):
    """The server's own key in ``X-API-KEY``, as the released ElizaOS client sends it."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Principal] | None:
        """Return the key's principal as ``request.auth``; ``None`` without a key.

        Raises:
            AuthenticationFailed: The key is wrong.
        """
        key = request.headers.get("X-API-KEY")
        if key is None:
            return None
        token = conf.server_auth_token
        if token is None or not compare_digest(key.encode(), token.encode()):
            raise AuthenticationFailed("The X-API-KEY header holds no valid key.")
        return AnonymousUser(), _SERVER

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401 (RFC 9110, 11.6.1)."""
        return "X-API-KEY"


def principal_of(request: Request) -> Principal:
    """Return who makes a request.

    Raises:
        AuthenticationError: Nobody known, and access is not open.
    """
    if isinstance(request.auth, Principal):
        return request.auth
    user: AbstractBaseUser | AnonymousUser = request.user
    is_open = conf.access == "open"
    if user is not None and user.is_authenticated:
        is_admin = is_open or getattr(user, "is_staff", False)
        return Principal(id=f"user:{user.pk}", is_admin=is_admin)
    if is_open:
        return _ANYBODY
    raise AuthenticationError("Send a valid X-API-KEY header, or log in.")
