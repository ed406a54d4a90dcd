"""Something to ask a backend."""

import uuid
from typing import Any

from django_eliza_sessions.backends import ReplyRequest


def request(**fields: Any) -> ReplyRequest:
    """Return the first message of a session; give any field."""
    defaults = {
        "agent_id": uuid.uuid4(),
        "agent_name": "Eliza",
        "session_id": uuid.uuid4(),
        "user_id": uuid.uuid4(),
        "message_id": uuid.uuid4(),
        "content": "Hello",
        "metadata": {},
        "attachments": (),
        "history": (),
        "options": {},
    }
    return ReplyRequest(**defaults | fields)
