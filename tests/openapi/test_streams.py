"""Streams of every kind, held against the OpenAPI document event by event.

Whoever answers and whoever watches meet in the database, so there is no transaction.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import RequestFactory

from django_eliza_sessions.api.views.messages import ReplyViewSet
from tests.conftest import BASE
from tests.openapi.conformance import STREAM

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPTS = {
    "at once": ({}, "Scripted.", "done"),
    "in pieces": ({"chunks": ["How do ", "you do?"]}, "How do you do?", "done"),
    "unusually": ({"chunks": ["\r\n\n", "data: \u2028é"]}, "\r\n\ndata: \u2028é", "done"),
    "failing": ({"error": "No."}, "", "error"),
    "failing on the way": (
        {"chunks": ["How do ", "you"], "error_after": 1},
        "How do ",
        "error",
    ),
}


@pytest.mark.parametrize(("script", "text", "end"), SCRIPTS.values(), ids=SCRIPTS)
def test_streams_are_as_documented(
    script: dict[str, Any],
    text: str,
    end: str,
    agent_factory: Callable[..., Any],
    session_factory: Callable[..., Any],
    api: Any,
) -> None:
    agent = agent_factory(backend_options=script)
    place = f"/{session_factory(agent_id=agent.pk).pk}/messages"
    listen = {"Accept": STREAM}

    sent = api.post(place, {"content": "Hello"}, headers=listen).getvalue()
    events = [
        dict(line.split(": ", 1) for line in block.split("\n"))
        for block in sent.decode().rstrip("\n").split("\n\n")
    ]

    assert [int(event["id"]) for event in events] == list(range(len(events)))
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-1]) == ("user_message", end)
    assert set(kinds[1:-1]) <= {"chunk"}
    chunks = [json.loads(event["data"])["chunk"] for event in events[1:-1]]
    assert "".join(chunks) == text

    message = json.loads(events[0]["data"])["id"]
    again = api.client.get(f"{BASE}{place}/{message}/reply", headers=listen)
    assert again.getvalue() == sent


def test_head_of_a_stream_has_no_events(api: Any, session: Any) -> None:
    """Servers drop the body of a HEAD, but they wait for its end first."""
    sent = api.post(f"/{session.pk}/messages", {"content": "Hello", "transport": "http"})
    view = ReplyViewSet.as_view({"get": "retrieve"})
    ids = {"sessionId": str(session.pk), "messageId": sent.json()["id"]}
    response = view(RequestFactory().head("/", headers={"Accept": STREAM}), **ids)
    assert response["Content-Type"] == STREAM
    assert b"".join(response) == b""
