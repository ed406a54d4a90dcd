"""JSON made to hurt is refused at every door, with an error and never with a crash."""

import json
import logging
import uuid

import pytest
from websockets.sync.client import connect as connect_websocket

from django_eliza_sessions.models import Agent, Session
from tests.admin.conftest import page_of

DEEP = 100_000
HOSTILE = {
    "deep-arrays": "[" * DEEP + "]" * DEEP,
    "deep-objects": '{"a":' * DEEP + "1" + "}" * DEEP,
    "never-closed": "[" * DEEP,
    "33-levels": "[" * 33 + "]" * 33,
    "huge-int": "9" * DEEP,
    "huge-negative-int": "-" + "9" * DEEP,
    "beyond-double": "1e999",
    "nan": "NaN",
    "infinity": "-Infinity",
    "lone-surrogate": '"\\ud800"',
    "lone-surrogate-name": '{"\\udfff": 1}',
    "nul": '"\\u0000"',
    "a-name-twice": '{"a": 1, "a": 2}',
}
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


@pytest.mark.django_db
@hostile
class TestHttp:
    def test_as_the_body(self, api, text):
        response = api.post(body=text.encode())
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "VALIDATION_ERROR"

    def test_as_metadata(self, api, agent, text):
        known = {"agentId": str(agent.pk), "userId": str(uuid.uuid4())}
        body = f'{json.dumps(known)[:-1]}, "metadata": {{"a": {text}}}}}'
        assert api.post(body=body.encode()).status_code == 400
        assert not Session.objects.exists()


@pytest.mark.django_db
@hostile
def test_in_the_admin(admin_client, agent, text):
    form = {"name": "Eliza", "backend": "scripted", "when_busy": "enqueue", "enabled": "on"}
    response = admin_client.post(
        page_of(agent), form | {"backend_options": f'{{"a": {text}}}'}
    )
    assert response.status_code == 200
    assert "Enter JSON without" in response.content.decode()
    assert Agent.objects.get().backend_options == {}


@pytest.mark.django_db(transaction=True)
def test_over_sockets(url, session, caplog):
    address = f"{url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    for name, text in HOSTILE.items():
        sending = (
            f'"channelId": "{session.pk}", "message": "Hi", "metadata": {{"a": {text}}}'
        )
        for packet in (f"4{text}", f'42["join", {text}]', f'42["2", {{{sending}}}]'):
            with connect_websocket(address) as raw:
                raw.recv(10)
                raw.send("40")
                while "connection_established" not in raw.recv(10):
                    pass
                raw.send(packet)
                assert "messageError" in raw.recv(10), (name, packet[:20])
                raw.send('42["leave"]')
                while "payload must be an object" not in raw.recv(10):
                    pass  # What looked like it asked for an acknowledgement gets one.
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]
    session.refresh_from_db()
    assert session.message_count == 0
