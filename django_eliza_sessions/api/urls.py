"""The contract's paths; each works with a trailing slash too."""

from typing import Any

from django.db import transaction
from django.urls import URLPattern, path, re_path

from django_eliza_sessions.api.views.base import ContractViewSet
from django_eliza_sessions.api.views.messages import MessageViewSet, ReplyViewSet
from django_eliza_sessions.api.views.service import HealthViewSet, UnknownPathView
from django_eliza_sessions.api.views.sessions import SessionViewSet

BASE = "api/messaging/sessions"


def _route(
    route: str, viewset: type[ContractViewSet], name: str, **actions: Any
) -> tuple[URLPattern, URLPattern]:
    """Return the patterns of one path: the documented one, and that with a slash.

    Services keep their own transactions, so ``ATOMIC_REQUESTS`` is kept out: an agent
    must never be waited for inside one.
    """
    view = transaction.non_atomic_requests(viewset.as_view(actions))
    undocumented = transaction.non_atomic_requests(viewset.as_view(actions, schema=None))
    return path(f"{BASE}{route}", view, name=name), path(f"{BASE}{route}/", undocumented)


_SESSION = "/<str:sessionId>"
_MESSAGE = f"{_SESSION}/messages/<str:messageId>"

_ROUTES = (
    _route("", SessionViewSet, "sessions", get="list", post="create"),
    _route("/health", HealthViewSet, "health", get="retrieve"),
    _route(_SESSION, SessionViewSet, "session", get="retrieve", delete="destroy"),
    _route(f"{_SESSION}/renew", SessionViewSet, "renew", post="renew"),
    _route(f"{_SESSION}/timeout", SessionViewSet, "timeout", patch="update_timeout"),
    _route(f"{_SESSION}/heartbeat", SessionViewSet, "heartbeat", post="heartbeat"),
    _route(f"{_SESSION}/messages", MessageViewSet, "messages", get="list", post="create"),
    _route(f"{_MESSAGE}/reply", ReplyViewSet, "reply", get="retrieve"),
    _route(f"{_MESSAGE}/cancel", ReplyViewSet, "cancel", post="cancel"),
)
_documented, _slashed = zip(*_ROUTES, strict=True)
#: In the order in which they are tried, so those that clients use come first.
urlpatterns = [
    *_documented,
    *_slashed,
    re_path(rf"^{BASE}/", UnknownPathView.as_view(schema=None)),
]
