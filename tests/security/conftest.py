"""What the walks and the servers of other tests lend."""

from tests.access.conftest import callers, session_of
from tests.admin.conftest import staff
from tests.realtime.conftest import connect, serve, url

__all__ = [
    "callers",
    "connect",
    "serve",
    "session_of",
    "staff",
    "url",
]
