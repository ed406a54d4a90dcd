"""Lines of the log say what they belong to, and never what was said."""

import io
import logging

import pytest
from django.core.management import call_command
from django.test import Client

from django_eliza_sessions import tasks
from django_eliza_sessions.logs import OriginFilter
from django_eliza_sessions.models import AuditRecord, WebhookEndpoint
from django_eliza_sessions.origin import coming_from, current_origin
from django_eliza_sessions.services import endpoints
from django_eliza_sessions.services.jobs import run_job
from tests.admin.conftest import ENDPOINTS, KEYS, page_of
from tests.conftest import BASE
from tests.webhooks.receiver import answer

logger = logging.getLogger("tests")
SAID = "What the user said, 4711"
NOTED = "What the metadata hold, 4712"
#: Libraries that log what they carry at this level; the documentation says so.
TALKATIVE = ("django.db.backends", "websockets", "uvicorn", "engineio", "httpcore2")


@pytest.fixture
def heard():
    """Return a list of what is logged from now on, as the documented filter leaves it."""
    records = []

    class Ear(logging.Handler):
        def emit(self, record):
            self.format(record)
            records.append(record)

    ear, root = Ear(), logging.getLogger()
    ear.addFilter(OriginFilter())
    root.addHandler(ear)
    level = root.level
    root.setLevel(logging.DEBUG)
    yield records
    root.setLevel(level)
    root.removeHandler(ear)


def fields(record):
    return record.request_id, record.principal, record.session_id


class TestFields:
    def test_within_an_operation(self, heard):
        with coming_from("http", request_id="r-1", actor="user:7"):
            current_origin().session_id = "s-1"
            logger.info("Now")
            logger.info("Own", extra={"session_id": "s-2"})
        assert [fields(record) for record in heard] == [
            ("r-1", "user:7", "s-1"),
            ("r-1", "user:7", "s-2"),
        ]

    def test_elsewhere(self, heard):
        logger.info("Now")
        assert [fields(record) for record in heard] == [("-", "-", "-")]

    def test_of_an_error(self, api, session, heard, monkeypatch):
        def fail(**_arguments):
            raise RuntimeError

        monkeypatch.setattr("django_eliza_sessions.services.history.open_transcript", fail)
        api.client.raise_request_exception = False
        response = api.get(f"/{session.pk}/messages")
        assert response.status_code == 500
        [line] = [r for r in heard if r.name == "django_eliza_sessions.api.errors"]
        assert fields(line) == (response["X-Request-ID"], "anybody", str(session.pk))


@pytest.mark.django_db
class TestRequestId:
    @pytest.mark.parametrize("given", ["a", "x" * 128, "7f:/a-b_c.D=~"])
    def test_is_taken_over(self, client, given):
        response = client.get(f"{BASE}/health", headers={"X-Request-ID": given})
        assert response["X-Request-ID"] == given

    @pytest.mark.parametrize(
        "given", ["", "x" * 129, "a b", "a\tb", "ä", "a\x7f", "a\x1b["]
    )
    def test_is_replaced(self, client, given):
        response = client.get(f"{BASE}/health", headers={"X-Request-ID": given})
        assert len(response["X-Request-ID"]) == 32
        assert response["X-Request-ID"] != given

    def test_is_told_whatever_the_answer(self, client, db):
        ids = {
            client.generic(method, BASE + path, headers=headers)["X-Request-ID"]
            for method, path, headers in (
                ("GET", "/health", {}),
                ("GET", "/nowhere/at/all", {}),
                ("TRACE", "", {}),
                ("OPTIONS", "", {}),
                ("POST", "", {}),
                ("GET", "", {"X-API-KEY": "wrong"}),
            )
        }
        assert len(ids) == 6

    def test_is_told_by_the_admin(self, admin_client):
        response = admin_client.get(KEYS, headers={"X-Request-ID": "r-1"})
        assert response["X-Request-ID"] == "r-1"


@pytest.mark.django_db(transaction=True)
def test_tells_nothing_secret(callers, agent, connect, receiver, admin_user, heard):
    receiver.will(answer(500, SAID.encode()))
    root = Client()
    root.force_login(admin_user)
    url = receiver.url.replace("?a=b", "?key=4713")
    endpoint = WebhookEndpoint.objects.create(name="Reports", url=url)
    owner = callers["owner_key"]
    body = {"agentId": str(agent.pk), "userId": str(owner.user_id)}
    body["metadata"] = {"note": NOTED}
    created = owner.client().post(BASE, body, content_type="application/json").json()
    at = f"{BASE}/{created['sessionId']}"
    for message in ({"content": SAID, "transport": "http"}, {"content": SAID * 999}, SAID):
        owner.client().post(f"{at}/messages", message, content_type="application/json")
    owner.client().get(f"{at}/messages?before={SAID}")
    socket = connect(headers=owner.headers)
    socket.call("join", {"roomId": created["sessionId"]})
    socket.call("2", {"channelId": created["sessionId"], "message": SAID})
    socket.call("2", {"channelId": created["sessionId"], "message": SAID, "metadata": 1})
    root.get(f"/admin/django_eliza_sessions/session/{created['sessionId']}/change/")
    root.post(ENDPOINTS, {"action": "rotate_secret", "_selected_action": endpoint.pk})
    root.post(ENDPOINTS, {"action": "send_test", "_selected_action": endpoint.pk})
    root.get(page_of(endpoint))
    run_job("send_webhooks")
    tasks.sweep_sessions()
    call_command("eliza_sessions_key", "create", "App", stdout=io.StringIO())
    endpoint.refresh_from_db()
    endpoints.note_failure(endpoint, AuditRecord.objects.last().at, SAID)

    keys = filter(None, (who.headers.get("X-API-KEY") for who in callers.values()))
    secrets = [*keys, *endpoints.secrets_of(endpoint), SAID, NOTED, "4713"]
    assert receiver.requests
    assert heard
    for record in heard:
        if not record.name.startswith(TALKATIVE):
            line = f"{record.getMessage()} {record.exc_text}"
            told = [secret for secret in secrets if secret in line]
            assert not told, (record.name, line)
