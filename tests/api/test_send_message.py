"""POST /api/messaging/sessions/{sessionId}/messages."""

import json
import logging
from datetime import timedelta

import pytest
from django.db import connection

from django_eliza_sessions.models import Message, Reply, Session
from django_eliza_sessions.testing.backends import ScriptedBackend
from tests.api.shapes import (
    PARTS,
    SESSION_STATUS,
    UNSTORABLE,
    USER_MESSAGE,
    assert_uuid,
    error_of,
)
from tests.conftest import Api, minutes
from tests.openapi.conformance import ConformingClient
from tests.services.race import wait_until

HELLO = {"content": "Hello", "transport": "http"}


@pytest.fixture
def send(api, session):
    """Send a message to the session and return the response."""

    def post(**fields):
        return api.post(f"/{session.pk}/messages", fields)

    return post


class TestAnswer:
    def test_has_exactly_the_documented_shape(self, api, clock, session):
        clock.shift(minutes(10))
        response = api.post(f"/{session.pk}/messages", {"content": "Hello"})
        assert response.status_code == 201
        sent = response.json()
        assert sent.keys() == USER_MESSAGE | PARTS | {"data"}
        assert sent["userMessage"].keys() == USER_MESSAGE
        assert sent["sessionStatus"].keys() == SESSION_STATUS
        assert_uuid(sent["id"])
        message = {
            "id": sent["id"],
            "content": "Hello",
            "authorId": str(session.user_id),
            "createdAt": "2026-01-01T12:10:00.000Z",
            "metadata": {},
        }
        parts = {
            "success": True,
            "userMessage": message,
            "sessionStatus": {
                "expiresAt": "2026-01-01T12:40:00.000Z",
                "renewalCount": 1,
                "wasRenewed": True,
                "isNearExpiration": False,
            },
        }
        assert sent == message | parts | {"data": parts}

    def test_holds_the_reply_where_it_was_waited_for(self, api, session):
        sent = api.post(f"/{session.pk}/messages", HELLO).json()
        assert sent.keys() == USER_MESSAGE | PARTS | {"data", "agentResponse"}
        assert sent["agentResponse"] == {"text": "Scripted."}
        assert sent["data"].keys() == PARTS | {"agentResponse"}
        for part in PARTS | {"agentResponse"}:
            assert sent["data"][part] == sent[part]

    def test_holds_thought_and_actions_where_the_agent_has_any(
        self, api, agent_factory, session_factory
    ):
        reply = {"text": "42", "thought": "Hm.", "actions": ["REPLY", "NONE"]}
        agent = agent_factory(backend_options=reply)
        session = session_factory(agent_id=agent.pk)
        sent = api.post(f"/{session.pk}/messages", HELLO).json()
        assert sent["agentResponse"] == reply
        answer = api.get(f"/{session.pk}/messages").json()["messages"][0]
        assert answer["metadata"] == {"thought": "Hm.", "actions": ["REPLY", "NONE"]}

    def test_is_what_the_history_shows(self, api, session):
        sent = api.post(f"/{session.pk}/messages", HELLO).json()
        answer, message = api.get(f"/{session.pk}/messages").json()["messages"]
        assert message == sent["userMessage"] | {"isAgent": False}
        assert answer["content"] == sent["agentResponse"]["text"]
        assert answer["authorId"] == str(session.agent_id)
        assert answer["isAgent"] is True

    @pytest.mark.parametrize(
        ("timeouts", "status"),
        [
            (
                {"auto_renew": False},
                ("2026-01-01T12:30:00.000Z", 0, False, True),
            ),
            (
                {"max_duration_minutes": 30},
                ("2026-01-01T12:30:00.000Z", 0, False, True),
            ),
            (
                {"max_duration_minutes": 30, "warning_threshold_minutes": 1},
                ("2026-01-01T12:30:00.000Z", 0, False, False),
            ),
            ({}, ("2026-01-01T12:56:00.000Z", 1, True, False)),
        ],
        ids=str,
    )
    def test_tells_the_truth_about_the_session(
        self, api, clock, session_factory, timeouts, status
    ):
        session = session_factory(timeouts=timeouts)
        clock.shift(minutes(26))
        sent = api.post(f"/{session.pk}/messages", HELLO).json()
        assert tuple(sent["sessionStatus"].values()) == status
        info = api.get(f"/{session.pk}").json()
        assert info["lastActivity"] == "2026-01-01T12:26:00.000Z"
        assert info["expiresAt"] == sent["sessionStatus"]["expiresAt"]
        assert info["renewalCount"] == sent["sessionStatus"]["renewalCount"]
        assert info["isNearExpiration"] == sent["sessionStatus"]["isNearExpiration"]

    @pytest.mark.parametrize(
        ("transport", "count"),
        [("websocket", 3), ("http", 6)]
        if connection.vendor == "postgresql"
        else [("websocket", 7), ("http", 20)],
    )
    def test_needs_this_many_queries(
        self, api, session, made_backend, transport, count, django_assert_num_queries
    ):
        with django_assert_num_queries(count):
            api.post(f"/{session.pk}/messages", HELLO | {"transport": transport})

    def test_ignores_unknown_fields(self, send):
        sent = send(content="Hello", id="mine", authorId="me", isAgent=True, x=[{}])
        assert sent.status_code == 201
        assert sent.json()["id"] != "mine"
        assert not Message.objects.get().is_agent


class TestContent:
    @pytest.mark.parametrize(
        "content",
        [
            "x",
            " x ",
            "\tx\n",
            "x" * 4000,
            "😀" * 4000,
            "\x01",
            "\x1c",
            "\u200b",
            "é́",
            "<script>&amp;'\"\\",
            "\ufeff",
            "\uffff",
            '{"json": true}',
        ],
        ids=lambda content: ascii(content[:9]),
    )
    def test_comes_back_exactly_as_sent(self, api, session, send, content):
        assert send(content=content, transport="http").json()["content"] == content
        history = api.get(f"/{session.pk}/messages").json()["messages"]
        assert history[-1]["content"] == content
        assert ScriptedBackend.requests[-1].content == content

    @pytest.mark.parametrize(
        "content",
        [
            "",
            " ",
            "\n\t\r\x0b\x0c",
            "\x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000",
            None,
            0,
            1,
            True,
            [],
            ["x"],
            {},
            {"text": "x"},
        ],
        ids=ascii,
    )
    def test_must_be_text_that_is_not_blank(self, send, content):
        error = error_of(send(content=content), 400, "InvalidContentError")
        assert error["code"] == "VALIDATION_ERROR"
        assert error["context"] == {"field": "content"}
        assert not Message.objects.exists()

    def test_is_required(self, send):
        error = error_of(send(), 400, "InvalidContentError")
        assert error["context"] == {"field": "content"}

    @pytest.mark.parametrize("character", ["x", "é", "😀"])
    def test_may_not_have_4001_characters(self, send, character):
        error = error_of(send(content=character * 4001), 400, "InvalidContentError")
        assert error["context"] == {"field": "content", "maximum": 4000}
        assert not Message.objects.exists()

    @pytest.mark.parametrize("text", UNSTORABLE.values(), ids=UNSTORABLE)
    def test_that_no_database_can_hold_is_refused(self, send, text):
        error_of(send(content=f"a{text}b"), 400, "InvalidContentError")
        assert not Message.objects.exists()


class TestMetadata:
    def test_comes_back_exactly_as_sent(self, api, session, send):
        metadata = {"z": 1.0, "a": [None, 1e20], "thought": {"deep": True}, "id": "x"}
        sent = send(content="x", metadata=metadata).json()
        history = api.get(f"/{session.pk}/messages").json()["messages"][0]
        for seen in (sent, sent["userMessage"], sent["data"]["userMessage"], history):
            assert json.dumps(seen["metadata"]) == json.dumps(metadata)

    def test_null_means_none(self, send):
        assert send(content="x", metadata=None).json()["metadata"] == {}

    @pytest.mark.parametrize("metadata", [[], "", 0, False, "text"], ids=repr)
    def test_must_be_an_object(self, send, metadata):
        response = send(content="x", metadata=metadata)
        error_of(response, 400, "InvalidMetadataError")

    def test_has_at_most_10240_bytes(self, send):
        assert send(content="x", metadata={"k": "x" * 10_232}).status_code == 201
        response = send(content="x", metadata={"k": "x" * 10_233})
        error = error_of(response, 400, "InvalidMetadataError")
        assert error["context"] == {"field": "metadata", "maximum": 10_240}

    @pytest.mark.parametrize("text", UNSTORABLE.values(), ids=UNSTORABLE)
    def test_that_no_database_can_hold_is_refused(self, send, text):
        response = send(content="x", metadata={"k": [{text: text}]})
        error_of(response, 400, "InvalidMetadataError")
        assert not Message.objects.exists()


IMAGE = {"type": "image", "url": "https://example.com/a.png"}


class TestAttachments:
    @pytest.mark.parametrize(
        "attachments",
        [
            [IMAGE],
            [IMAGE] * 10,
            [
                {"type": kind, "url": "http://example.com"}
                for kind in ("image", "file", "audio", "video", "document")
            ],
            [IMAGE | {"name": "a 😀", "size": 0, "mimeType": "image/png"}],
            [IMAGE | {"size": 2**53 - 1, "name": "", "mimeType": ""}],
            [IMAGE | {"url": "HTTPS://user@[::1]:8080/ü?q=1#f"}],
        ],
        ids=lambda attachments: str(len(attachments)),
    )
    def test_come_back_as_sent(self, api, session, send, attachments):
        sent = send(content="x", attachments=attachments, transport="http").json()
        assert sent["attachments"] == attachments
        assert sent["userMessage"]["attachments"] == attachments
        history = api.get(f"/{session.pk}/messages").json()["messages"]
        assert history[-1]["attachments"] == attachments
        assert "attachments" not in history[0]
        assert list(ScriptedBackend.requests[-1].attachments) == attachments

    @pytest.mark.parametrize("attachments", [None, []], ids=repr)
    def test_none_are_left_out(self, send, attachments):
        assert "attachments" not in send(content="x", attachments=attachments).json()

    def test_do_not_replace_content(self, send):
        error_of(send(attachments=[IMAGE]), 400, "InvalidContentError")

    @pytest.mark.parametrize(
        ("attachments", "field"),
        [
            ({}, "attachments"),
            ("x", "attachments"),
            (0, "attachments"),
            (False, "attachments"),
            ([IMAGE] * 11, "attachments"),
            ([None], "attachments.0"),
            ([IMAGE, "https://example.com"], "attachments.1"),
            ([[]], "attachments.0"),
            ([{}], "attachments.0.type"),
            ([{"type": "image"}], "attachments.0.url"),
            ([{"url": IMAGE["url"]}], "attachments.0.type"),
            ([IMAGE | {"type": "Image"}], "attachments.0.type"),
            ([IMAGE | {"type": ["image"]}], "attachments.0.type"),
            ([IMAGE | {"type": {"image": 1}}], "attachments.0.type"),
            ([IMAGE, IMAGE | {"url": "ftp://example.com"}], "attachments.1.url"),
            ([IMAGE | {"url": "javascript:alert(1)"}], "attachments.0.url"),
            ([IMAGE | {"url": "data:text/html,x"}], "attachments.0.url"),
            ([IMAGE | {"url": "//example.com"}], "attachments.0.url"),
            ([IMAGE | {"url": "https://"}], "attachments.0.url"),
            ([IMAGE | {"url": "http:/example.com"}], "attachments.0.url"),
            ([IMAGE | {"url": " https://example.com"}], "attachments.0.url"),
            ([IMAGE | {"url": "https://example.com\n"}], "attachments.0.url"),
            ([IMAGE | {"url": "https://[::1"}], "attachments.0.url"),
            ([IMAGE | {"url": "https://example.com:x"}], "attachments.0.url"),
            ([IMAGE | {"url": 5}], "attachments.0.url"),
            ([IMAGE | {"name": 5}], "attachments.0.name"),
            ([IMAGE | {"mimeType": []}], "attachments.0.mimeType"),
            ([IMAGE | {"size": -1}], "attachments.0.size"),
            ([IMAGE | {"size": 1.5}], "attachments.0.size"),
            ([IMAGE | {"size": "1"}], "attachments.0.size"),
            ([IMAGE | {"size": True}], "attachments.0.size"),
            *(
                ([IMAGE | {key: f"https://example.com/{text}"}], f"attachments.0.{key}")
                for key in ("url", "name", "mimeType")
                for text in UNSTORABLE.values()
            ),
        ],
        ids=ascii,
    )
    def test_must_be_well_formed(self, send, attachments, field):
        response = send(content="x", attachments=attachments)
        error = error_of(response, 400, "InvalidContentError")
        assert error["context"]["field"] == field
        assert error["details"].startswith(field)
        assert not Message.objects.exists()


class TestTransport:
    @pytest.mark.parametrize("name", ["transport", "mode"])
    @pytest.mark.parametrize(
        ("word", "waits"),
        [("http", True), ("sync", True), ("websocket", False), (None, False)],
    )
    def test_takes_any_word_in_either_field(self, send, name, word, waits):
        response = send(content="x", **{name: word})
        assert response.status_code == 201
        assert ("agentResponse" in response.json()) is waits

    def test_wins_over_mode(self, send):
        assert "agentResponse" in send(content="x", transport=None, mode="sync").json()
        sent = send(content="x", transport="websocket", mode="sync").json()
        assert "agentResponse" not in sent

    @pytest.mark.parametrize("name", ["transport", "mode"])
    @pytest.mark.parametrize(
        "word", ["", "HTTP", "http ", "pigeon", 0, 1, True, False, [], ["http"], {}, "\x00"]
    )
    def test_must_be_a_known_word(self, send, name, word):
        error = error_of(send(content="x", **{name: word}), 400, "InvalidContentError")
        assert error["code"] == "VALIDATION_ERROR"
        assert error["context"] == {"field": "transport"}
        assert not Message.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_websocket_leaves_the_reply_to_a_job(self, client, session):
        api = Api(client)
        sent = api.post(f"/{session.pk}/messages", {"content": "x"}).json()
        assert "agentResponse" not in sent
        wait_until(lambda: Message.objects.count() == 2, "the answer")
        answer = api.get(f"/{session.pk}/messages").json()["messages"][0]
        assert (answer["isAgent"], answer["content"]) == (True, "Scripted.")


class TestFailure:
    def test_of_the_agent_is_a_500_that_keeps_the_message(
        self, agent_factory, session_factory, caplog
    ):
        agent = agent_factory(backend_options={"error": "secret of the backend"})
        session = session_factory(agent_id=agent.pk)
        api = Api(ConformingClient(raise_request_exception=False))
        response = api.post(f"/{session.pk}/messages", HELLO)
        error = error_of(response, 500, "MessageSendError")
        assert error["code"] == "MESSAGE_SEND_FAILED"
        assert error["context"] == {"messageId": str(Message.objects.get().pk)}
        assert b"secret" not in response.content
        assert "secret of the backend" in caplog.text
        assert Reply.objects.get().status == Reply.Status.FAILED

    def test_of_the_database_is_a_500_that_keeps_nothing(self, session, caplog):
        before = Session.objects.values().get()
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE django_eliza_sessions_reply RENAME TO eliza_elsewhere"
            )
        api = Api(ConformingClient(raise_request_exception=False))
        response = api.post(f"/{session.pk}/messages", HELLO)
        error = error_of(response, 500, "MessageSendError")
        assert "context" not in error
        assert not Message.objects.exists()
        assert Session.objects.values().get() == before
        assert any(record.levelno == logging.ERROR for record in caplog.records)

    def test_when_the_agent_was_disabled_meanwhile(self, send, agent):
        agent.enabled = False
        agent.save()
        error_of(send(content="x"), 404, "AgentNotFoundError")
        assert not Message.objects.exists()

    @pytest.mark.parametrize(
        "wrong",
        [{"content": ""}, {"metadata": []}, {"attachments": {}}, {"transport": "pigeon"}],
        ids=str,
    )
    def test_of_the_body_does_not_renew(self, api, clock, session, wrong):
        before = Session.objects.values().get()
        clock.shift(timedelta(minutes=1))
        response = api.post(f"/{session.pk}/messages", HELLO | wrong)
        assert response.status_code == 400
        assert Session.objects.values().get() == before
