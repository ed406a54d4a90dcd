"""Through every door: what was done, by whom, to which session, in which request."""

import json
import uuid

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from django_eliza_sessions import tasks
from django_eliza_sessions.models import (
    Agent,
    ApiKey,
    AuditRecord,
    Event,
    Message,
    WebhookDelivery,
    WebhookEndpoint,
)
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services import keys, lifecycle, messages, replies
from django_eliza_sessions.services.jobs import run_job
from tests.admin.conftest import AGENTS, DELIVERIES, ENDPOINTS, EVENTS, KEYS, page_of
from tests.admin.conftest import SESSIONS as ADMIN_SESSIONS
from tests.conftest import BASE, minutes

pytestmark = pytest.mark.django_db
REQUEST_ID = "req-7f/3:a"


class TestHttp:
    @pytest.fixture
    def call(self, callers):
        def call(name, method, path, body=None):
            return (
                callers[name]
                .client()
                .generic(
                    method,
                    BASE + path,
                    "" if body is None else json.dumps(body),
                    content_type="application/json",
                    headers={"X-Request-ID": REQUEST_ID, **callers[name].headers},
                )
            )

        return call

    def test_a_life(self, call, callers, agent, recorded):
        caller = callers["owner_key"]
        recorded()
        body = {"agentId": str(agent.pk), "userId": str(caller.user_id)}
        session_id = call("owner_key", "POST", "", body).json()["sessionId"]
        at = f"/{session_id}"
        call("owner_key", "POST", f"{at}/heartbeat")
        hello = {"content": "Hello", "transport": "http"}
        call("owner_key", "POST", f"{at}/messages", hello)
        call("owner_key", "GET", f"{at}/messages")
        call("owner_key", "GET", at)
        call("owner_key", "POST", f"{at}/renew")
        call("owner_key", "PATCH", f"{at}/timeout", {"timeoutMinutes": 60})
        call("owner_key", "PATCH", f"{at}/timeout", {})
        call("owner_key", "DELETE", at)

        assert recorded() == [
            (action, caller.principal.id, "http", uuid.UUID(session_id))
            for action in (
                "session_created",
                "session_renewed",
                "timeout_changed",
                "session_ended",
            )
        ]
        records = AuditRecord.objects.filter(session_id=session_id)
        assert {record.request_id for record in records} == {REQUEST_ID}
        changed = records.get(action="timeout_changed")
        assert changed.details == {"timeout_minutes": 60}

    def test_what_is_refused_is_not_recorded(self, call, session_of, recorded):
        session, message_id = session_of("owner")
        recorded()
        for path in ("", "/renew", f"/messages/{message_id}/cancel"):
            for name in ("user", "anonymous", "owner"):
                call(name, "POST", f"/{session.pk}{path}", {"content": 1})
        assert [action for action, *_ in recorded()] == ["session_renewed"]

    def test_reading_what_others_say(self, call, session_of, recorded):
        session, message_id = session_of("owner")
        recorded()
        for path in (
            f"/{session.pk}/messages",
            f"/{session.pk}/messages/{message_id}/reply",
        ):
            assert call("owner", "GET", path).status_code == 200
            assert recorded() == []
            assert call("server_key", "GET", path).status_code == 200
            assert recorded() == [("transcript_read", "key:server", "http", session.pk)]
        # What is refused is not read.
        call("server_key", "GET", f"/{session.pk}/messages?limit=0")
        call("server_key", "GET", f"/{session.pk}")
        assert recorded() == []

    def test_cancelling(self, call, session_factory, configure, callers, recorded):
        configure(REPLY_DISPATCHER="tests.services.conftest.remember")
        session = session_factory(principal=callers["owner"].principal)
        sent = messages.send_message(
            principal=SYSTEM, session_id=session.pk, content="Hello"
        )
        recorded()
        path = f"/{session.pk}/messages/{sent.message.pk}/cancel"
        assert call("owner", "POST", path).status_code == 200
        owner = callers["owner"].principal.id
        assert recorded() == [("reply_cancelled", owner, "http", session.pk)]
        assert AuditRecord.objects.last().details == {"message_id": str(sent.message.pk)}

    def test_a_retry_does_nothing_twice(self, api, agent, recorded):
        body = {"agentId": str(agent.pk), "userId": str(uuid.uuid4())}
        for _ in range(2):
            assert api.post(body=body, headers={"Idempotency-Key": "k"}).status_code == 201
        assert [action for action, *_ in recorded()] == ["session_created"]

    def test_open_access(self, api, session, recorded):
        recorded()
        api.post(f"/{session.pk}/renew")
        assert recorded() == [("session_renewed", "anybody", "http", session.pk)]


@pytest.mark.django_db(transaction=True)
def test_sockets(callers, session_of, connect, recorded):
    session, _ = session_of("owner")
    recorded()
    headers = {"X-Request-ID": REQUEST_ID}
    owner = connect(headers=callers["owner"].headers | headers)
    owner.join(session)
    owner.call("2", {"channelId": str(session.pk), "message": "Hi"})
    assert recorded() == []
    connect(headers=callers["admin_key"].headers | headers).join(session)
    actor = callers["admin_key"].principal.id
    assert recorded() == [("transcript_read", actor, "socket", session.pk)]
    assert AuditRecord.objects.last().request_id == REQUEST_ID


class TestAdmin:
    @pytest.fixture
    def root(self, admin_user):
        client = Client(headers={"X-Request-ID": REQUEST_ID})
        client.force_login(admin_user)
        return client

    @pytest.fixture
    def actor(self, admin_user):
        return f"user:{admin_user.pk}"

    @pytest.mark.parametrize(
        ("action", "expected"),
        [
            ("renew", "session_renewed"),
            ("expire", "session_expired"),
            ("end", "session_ended"),
            ("delete_selected", "session_deleted"),
        ],
    )
    def test_actions_on_sessions(self, root, actor, session, recorded, action, expected):
        recorded()
        form = {"action": action, "_selected_action": session.pk}
        response = root.post(ADMIN_SESSIONS, form | {"confirmed": "yes", "post": "yes"})
        assert recorded() == [(expected, actor, "admin", session.pk)]
        assert AuditRecord.objects.last().request_id == REQUEST_ID
        assert response["X-Request-ID"] == REQUEST_ID

    def test_looking_and_deleting(self, root, actor, session, recorded):
        recorded()
        root.get(ADMIN_SESSIONS)
        root.get(page_of(session))
        assert recorded() == [("transcript_read", actor, "admin", session.pk)]
        root.post(page_of(session).replace("change/", "delete/"), {"post": "yes"})
        assert recorded() == [("session_deleted", actor, "admin", session.pk)]

    def test_keys(self, root, actor, recorded):
        root.post(f"{KEYS}add/", {"name": "Desk", "is_admin": "on"})
        key = ApiKey.objects.get()
        for _ in range(2):
            root.post(KEYS, {"action": "revoke", "_selected_action": key.pk})
        assert recorded() == [
            ("apikey_created", actor, "admin", None),
            ("apikey_revoked", actor, "admin", None),
        ]
        made, revoked = AuditRecord.objects.order_by("pk")
        assert made.details == {"key": key.principal_id, "scopes": ["use", "admin"]}
        assert revoked.details == {"key": key.principal_id}

    def test_endpoints(self, root, actor, recorded, configure):
        endpoint = WebhookEndpoint.objects.create(name="A", url="https://192.0.2.1/?k=s")
        root.post(page_of(endpoint), {"name": "B", "url": endpoint.url})
        root.post(page_of(endpoint), {"name": "B", "url": endpoint.url, "enabled": "on"})
        for action in ("rotate_secret", "send_test", "delete_selected"):
            form = {"action": action, "_selected_action": endpoint.pk, "post": "yes"}
            root.post(ENDPOINTS, form | {"version": endpoint.secret_version})
        changed = "webhookendpoint_changed"
        deleted = "webhookendpoint_deleted"
        assert [action for action, *_ in recorded()] in (
            [changed, "secret_rotated", "endpoint_tested", deleted],
            [changed, changed, "secret_rotated", "endpoint_tested", deleted],
        )
        for record in AuditRecord.objects.all():
            assert (record.actor, record.door) == (actor, "admin")
            assert record.details == {"id": str(endpoint.pk)}

    def test_agents(self, root, actor, recorded):
        form = {"id": str(uuid.uuid4()), "name": "A", "backend": "default"}
        form |= {"when_busy": "enqueue", "backend_options": "{}"}
        root.post(f"{AGENTS}add/", form)
        agent = Agent.objects.get()
        root.post(page_of(agent), form | {"name": "B"})
        root.post(page_of(agent).replace("change/", "delete/"), {"post": "yes"})
        assert recorded() == [
            (f"agent_{done}", actor, "admin", None)
            for done in ("created", "changed", "deleted")
        ]

    def test_sending_again(self, root, actor, session, recorded):
        event = session.events.get()
        Event.objects.update(relay_at=None, error="No.")
        endpoint = WebhookEndpoint.objects.create(name="A", url="https://192.0.2.1/")
        delivery = WebhookDelivery.objects.create(
            endpoint=endpoint, event=event, session_id=session.pk, sequence=1
        )
        recorded()
        root.post(EVENTS, {"action": "hand_out_again", "_selected_action": event.pk})
        root.post(DELIVERIES, {"action": "send_again", "_selected_action": delivery.pk})
        assert recorded() == [
            ("event_retried", actor, "admin", session.pk),
            ("delivery_retried", actor, "admin", session.pk),
        ]

    def test_an_export(self, root, actor, session, recorded):
        recorded()
        form = {"action": "export_of_users", "_selected_action": session.pk}
        answer = root.post(ADMIN_SESSIONS, form | {"confirmed": "yes"})
        assert b"".join(answer.streaming_content)
        assert ("user_exported", actor, "admin", None) in recorded()


def test_commands(session, configure, recorded):
    configure(CLEAR_SESSIONS_ON_SHUTDOWN=True)
    recorded()
    call_command("eliza_sessions_key", "create", "App")
    prefix = ApiKey.objects.get().prefix
    call_command("eliza_sessions_key", "revoke", prefix)
    call_command("eliza_sessions_shutdown")
    assert recorded() == [
        ("apikey_created", "operator", "command", None),
        ("apikey_revoked", "operator", "command", None),
        ("session_ended", "operator", "command", session.pk),
    ]
    runs = AuditRecord.objects.exclude(actor="system").values_list("request_id", flat=True)
    assert len(set(runs)) == 3


@pytest.mark.django_db(transaction=True)
def test_commands_about_people(session_factory, admin_user, recorded, capsys):
    user_id = session_factory().user_id
    own = session_factory(principal=Principal(id=f"user:{admin_user.pk}"))
    recorded()
    call_command("eliza_sessions_end", user=str(user_id))
    call_command("eliza_sessions_end", django_user=admin_user.username)
    call_command("eliza_sessions_export", user=str(user_id))
    assert [(action, *rest[:2]) for action, *rest in recorded()] == [
        ("session_ended", "operator", "command"),
        ("session_ended", "operator", "command"),
        ("user_exported", "operator", "command"),
    ]
    call_command("eliza_sessions_erase", user=str(user_id), yes=True)
    assert recorded()[-1] == ("user_erased", "operator", "command", None)
    assert AuditRecord.objects.filter(session_id=own.pk).exists()


@pytest.mark.parametrize("door", ["command", "task"])
def test_the_clock(clock, session, recorded, door):
    recorded()
    clock.shift(minutes(30))
    if door == "task":
        tasks.sweep_sessions()
    else:
        call_command("eliza_sessions_sweep")
    assert recorded() == [("session_expired", "system", door, session.pk)]


def test_tasks_are_known_by_their_id(clock, session, recorded):
    clock.shift(minutes(30))
    result = tasks.sweep_sessions.apply(task_id="task-1")
    assert result.successful()
    assert AuditRecord.objects.last().request_id == "task-1"


def test_purging(clock, session, configure, recorded):
    configure(RETENTION_DAYS=1)
    lifecycle.end_session(principal=SYSTEM, session_id=session.pk)
    clock.shift(minutes(2 * 24 * 60))
    recorded()
    run_job("purge_sessions")
    assert recorded() == [("session_purged", "system", "task", session.pk)]


def test_code_of_the_project(session_factory, recorded):
    owner = Principal(id="user:7")
    session = session_factory(principal=owner)
    keys.create_key(name="App")
    assert recorded() == [
        ("session_created", "user:7", "code", session.pk),
        ("apikey_created", "system", "code", None),
    ]
    assert {record.request_id for record in AuditRecord.objects.all()} == {""}


def test_costs_messages_and_heartbeats_nothing(session, recorded):
    recorded()
    lifecycle.record_heartbeat(principal=SYSTEM, session_id=session.pk)
    sent = messages.send_message(
        principal=SYSTEM, session_id=session.pk, content="Hello", transport="http"
    )
    replies.get_reply(principal=SYSTEM, session_id=session.pk, message_id=sent.message.pk)
    assert Message.objects.count() == 2
    assert User.objects.count() == 0
    assert recorded() == []
