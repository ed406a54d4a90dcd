"""The callers of the walks, and what the audit says."""

from collections.abc import Callable
from typing import Any

import pytest

from django_eliza_sessions.models import AuditRecord
from tests.access.conftest import callers, session_of
from tests.admin.conftest import staff
from tests.realtime.conftest import connect, serve, url

__all__ = ["callers", "connect", "serve", "session_of", "staff", "url"]


@pytest.fixture
def recorded(db: None) -> Callable[[], list[Any]]:
    """Return action, actor, door and session of what was recorded since the last call."""
    seen = 0

    def news() -> list[Any]:
        nonlocal seen
        records = list(AuditRecord.objects.filter(pk__gt=seen).order_by("pk"))
        seen = records[-1].pk if records else seen
        return [(str(r.action), r.actor, r.door, r.session_id) for r in records]

    return news
