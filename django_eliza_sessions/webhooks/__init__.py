"""Events as HTTP requests: what is in them, where they may go, and sending them.

Knows nothing of the database; ``services.deliveries`` decides what is sent when.
"""

from importlib.util import find_spec

from django_eliza_sessions.webhooks.addresses import WebhookUrlError
from django_eliza_sessions.webhooks.payload import TYPES, payload, write
from django_eliza_sessions.webhooks.sending import Outcome, check_url, post

__all__ = [
    "MISSING_EXTRA",
    "TYPES",
    "Outcome",
    "WebhookUrlError",
    "check_url",
    "is_installed",
    "payload",
    "post",
    "write",
]

MISSING_EXTRA = "Webhooks need an extra: pip install 'django-eliza-sessions[webhooks]'."


def is_installed() -> bool:
    """Tell whether the extra is there, which sending needs."""
    return all(find_spec(package) for package in ("httpx2", "standardwebhooks"))
