"""The Python client of docs/realtime.md."""

import re
from pathlib import Path

import pytest

from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.messages import send_message
from tests.realtime.conftest import SOON
from tests.services.race import wait_until

DOCUMENT = (Path(__file__).parents[2] / "docs/realtime.md").read_text()


@pytest.mark.django_db(transaction=True)
def test_hears_the_answer_and_misses_nothing(url, session, configure):
    configure(ELIZA_SERVER_AUTH_TOKEN="a long secret")
    [code] = re.findall(r"```python\n(import socketio.*?)```", DOCUMENT, re.DOTALL)
    shown = []
    names = {
        "url": url,
        "api_key": "a long secret",
        "session_id": str(session.pk),
        "show": lambda _id, text: shown.append(text),
    }

    def say(text):
        send_message(
            principal=SYSTEM, session_id=session.pk, content=text, transport="http"
        )

    exec(code, names)
    client = names["client"]
    try:
        wait_until(lambda: names["place"], "the room")
        say("One")
        wait_until(lambda: len(shown) == 2, "the answer")
        client.disconnect()
        say("Two")
        client.connect(url, transports=["websocket"], wait_timeout=SOON)
        wait_until(lambda: len(shown) == 4, "what was missed")
    finally:
        client.disconnect()

    assert shown == ["One", "Scripted.", "Two", "Scripted."]
