"""Who makes a request: an API key, or whoever the project's own authentication knows."""

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from django_eliza_sessions.exceptions import AuthenticationError
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services.access import principal_of_key, principal_of_user


class ApiKeyAuthentication(BaseAuthentication):
    """A key in ``X-API-KEY``, as the released ElizaOS client sends it."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Principal] | None:
        """Return the key's principal as ``request.auth``; ``None`` without a key.

        Raises:
            AuthenticationFailed: The key is wrong.
        """
        key = request.META.get("HTTP_X_API_KEY")
        if key is None:
            return None
        try:
            return AnonymousUser(), principal_of_key(key)
        except AuthenticationError as error:
            raise AuthenticationFailed(error.details) from error

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
    return principal_of_user(request.user)
