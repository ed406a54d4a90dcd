"""POST /api/messaging/sessions."""

import json
import uuid
from typing import Any

import pytest
from django.db import connection

from django_eliza_sessions.models import Agent, Event, Session
from tests.api.shapes import (
    CREATED_SESSION,
    TIMEOUT_CONFIG,
    UNSTORABLE,
    assert_timestamp,
    assert_uuid,
    error_of,
)
from tests.conftest import Api

USER = "9f8e7d6c-5b4a-4c3d-8e2f-1a0b9c8d7e6f"


def body_for(agent: Agent, **fields: Any) -> dict[str, Any]:
    return {"agentId": str(agent.pk), "userId": USER} | fields


class TestAnswer:
    def test_has_exactly_the_documented_shape(self, api, agent, clock):
        response = api.post("", body_for(agent))
        assert response.status_code == 201
        created = response.json()
        assert created.keys() == CREATED_SESSION
        assert created["timeoutConfig"].keys() == TIMEOUT_CONFIG
        assert_uuid(created["sessionId"])
        assert_uuid(created["channelId"])
        assert created | {"sessionId": None, "channelId": None} == {
            "sessionId": None,
            "channelId": None,
            "agentId": str(agent.pk),
            "userId": USER,
            "createdAt": "2026-01-01T12:00:00.000Z",
            "metadata": {},
            "expiresAt": "2026-01-01T12:30:00.000Z",
            "timeoutConfig": {
                "timeoutMinutes": 30,
                "autoRenew": True,
                "maxDurationMinutes": 720,
                "warningThresholdMinutes": 5,
            },
        }

    def test_is_json_in_utf_8(self, api, agent):
        response = api.post("", body_for(agent, metadata={"name": "Jörg 😀"}))
        assert response["Content-Type"] == "application/json"
        assert "Jörg 😀" in response.content.decode()

    def test_times_have_milliseconds_and_z_by_the_real_clock(self, api, agent):
        created = api.post("", body_for(agent)).json()
        assert_timestamp(created["createdAt"])
        assert_timestamp(created["expiresAt"])

    def test_leads_to_the_session(self, api, agent):
        created = api.post("", body_for(agent)).json()
        info = api.get(f"/{created['sessionId']}").json()
        assert created.items() <= info.items()

    def test_works_with_a_trailing_slash(self, api, agent):
        assert api.post("/", body_for(agent)).status_code == 201

    def test_takes_the_seeds_example(self, api, agent, clock):
        config = {
            "timeoutMinutes": 722,
            "autoRenew": True,
            "maxDurationMinutes": 123,
            "warningThresholdMinutes": 123,
        }
        created = api.post("", body_for(agent, timeoutConfig=config)).json()
        assert created["timeoutConfig"] == config
        assert created["expiresAt"] == "2026-01-01T14:03:00.000Z"

    def test_ignores_unknown_fields(self, api, agent):
        response = api.post(
            "",
            body_for(
                agent,
                sessionId=USER,
                createdAt="1999-01-01",
                timeoutConfig={"timeout": "soon"},
                extra=[1, None],
            ),
        )
        assert response.status_code == 201
        assert response.json()["sessionId"] != USER

    def test_needs_this_many_queries(self, api, agent, django_assert_num_queries):
        # Two of them are the savepoint of the service's transaction.
        with django_assert_num_queries(4 if connection.vendor == "postgresql" else 6):
            api.post("", body_for(agent))


class TestIds:
    @pytest.mark.parametrize("spell", [str.upper, str.title, str.lower])
    def test_are_taken_in_any_case_and_returned_in_lower_case(self, api, agent, spell):
        created = api.post(
            "", {"agentId": spell(str(agent.pk)), "userId": spell(USER)}
        ).json()
        assert created["agentId"] == str(agent.pk)
        assert created["userId"] == USER

    @pytest.mark.parametrize("user", [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)], ids=str)
    def test_may_be_of_any_version(self, api, agent, user):
        response = api.post("", {"agentId": str(agent.pk), "userId": str(user)})
        assert response.json()["userId"] == str(user)

    @pytest.mark.parametrize("field", ["agentId", "userId"])
    @pytest.mark.parametrize(
        "value",
        [
            "",
            " ",
            "not-a-uuid",
            USER.replace("-", ""),
            f"{{{USER}}}",
            f"urn:uuid:{USER}",
            f" {USER}",
            f"{USER}\n",
            USER.replace("9", "٩"),
            USER[:-1] + "g",
            5,
            5.5,
            True,
            [USER],
            {"id": USER},
            *UNSTORABLE.values(),
        ],
        ids=ascii,
    )
    def test_in_another_form_are_refused(self, api, agent, field, value):
        response = api.post("", body_for(agent) | {field: value})
        error = error_of(response, 400, "InvalidUuidError")
        assert error["code"] == "VALIDATION_ERROR"
        assert error["context"] == {"field": field}
        assert error["details"].startswith(f"{field} must be a UUID")
        assert not Session.objects.exists()

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({}, ["agentId", "userId"]),
            ({"agentId": USER}, ["userId"]),
            ({"userId": USER}, ["agentId"]),
            ({"agentId": None, "userId": None}, ["agentId", "userId"]),
            ({"agentId": USER, "userId": None}, ["userId"]),
        ],
        ids=str,
    )
    def test_are_required(self, api, body, fields):
        error = error_of(api.post("", body), 400, "MissingFieldsError")
        assert error["code"] == "VALIDATION_ERROR"
        assert error["context"]["fields"] == fields
        for field in fields:
            assert field in error["details"]

    def test_are_required_of_an_empty_body(self, api):
        error_of(api.post(""), 400, "MissingFieldsError")


class TestAgent:
    def test_must_exist(self, api):
        error = error_of(
            api.post("", {"agentId": USER, "userId": USER}), 404, "AgentNotFoundError"
        )
        assert error["code"] == "AGENT_NOT_FOUND"
        assert error["context"] == {"agentId": USER}

    def test_must_be_enabled(self, api, agent_factory):
        response = api.post("", body_for(agent_factory(enabled=False)))
        error_of(response, 404, "AgentNotFoundError")
        assert not Session.objects.exists()

    @pytest.mark.parametrize(
        ("wrong", "kind"),
        [
            ({"userId": "?"}, "InvalidUuidError"),
            ({"metadata": []}, "InvalidMetadataError"),
            ({"timeoutConfig": []}, "InvalidTimeoutConfigError"),
            ({"timeoutConfig": {"timeoutMinutes": 4}}, "InvalidTimeoutConfigError"),
        ],
        ids=str,
    )
    def test_is_looked_for_after_the_body_is_found_good(self, api, wrong, kind):
        error_of(api.post("", {"agentId": USER, "userId": USER} | wrong), 400, kind)


class TestMetadata:
    @pytest.mark.parametrize(
        "metadata",
        [
            {},
            {"platform": "web", "nested": {"list": [1, 2.5, True, None, "x"]}},
            {"z": 1, "a": 2, "": 3},
            {"big": 1e20, "small": 1e-7, "whole": 1.0, "long": 12345678901234567890123},
            {"<script>": "&amp; \" ' \\ / \u2028 \x01 \x7f é 😀 \ufffe"},
            {"sessionId": "mine", "thought": "kept", "success": False, "__proto__": 1},
        ],
        ids=ascii,
    )
    def test_comes_back_exactly_as_sent(self, api, agent, metadata):
        created = api.post("", body_for(agent, metadata=metadata)).json()
        info = api.get(f"/{created['sessionId']}")
        assert json.dumps(created["metadata"]) == json.dumps(metadata)
        assert json.dumps(info.json()["metadata"]) == json.dumps(metadata)

    def test_null_means_none(self, api, agent):
        assert api.post("", body_for(agent, metadata=None)).json()["metadata"] == {}

    @pytest.mark.parametrize("metadata", [[], "", "text", 0, 1, True, False], ids=repr)
    def test_must_be_an_object(self, api, agent, metadata):
        response = api.post("", body_for(agent, metadata=metadata))
        error = error_of(response, 400, "InvalidMetadataError")
        assert error["code"] == "VALIDATION_ERROR"
        assert error["context"] == {"field": "metadata"}

    # {"k":"…"} is 8 bytes around the text; é takes two in UTF-8.
    @pytest.mark.parametrize("text", ["x" * 10_232, "é" * 5_116], ids=["ASCII", "é"])
    def test_may_have_10240_bytes(self, api, agent, text):
        response = api.post("", body_for(agent, metadata={"k": text}))
        assert response.status_code == 201
        assert response.json()["metadata"] == {"k": text}

    @pytest.mark.parametrize("text", ["x" * 10_233, "é" * 5_116 + "x"], ids=["ASCII", "é"])
    def test_may_not_have_one_byte_more(self, api, agent, text):
        response = api.post("", body_for(agent, metadata={"k": text}))
        error = error_of(response, 400, "InvalidMetadataError")
        assert error["context"] == {"field": "metadata", "maximum": 10_240}
        assert "10240" in error["details"]
        assert "10241" in error["details"]

    def test_is_measured_compact(self, api, agent):
        spaced = json.dumps(
            body_for(agent, metadata={"k": ["x"] * 2_500}), indent=8
        ).encode()
        assert len(spaced) > 10_240
        assert api.post("", spaced).status_code == 201

    @pytest.mark.parametrize("text", UNSTORABLE.values(), ids=UNSTORABLE)
    @pytest.mark.parametrize(
        "wrap",
        [
            lambda text: {"k": text},
            lambda text: {text: "v"},
            lambda text: {"k": [{"deep": ["x", {text: 1}]}]},
            lambda text: {"k": [[f"before{text}after"]]},
        ],
        ids=["value", "key", "deep key", "deep value"],
    )
    def test_that_no_database_can_hold_is_refused(self, api, agent, text, wrap):
        response = api.post("", body_for(agent, metadata=wrap(text)))
        error_of(response, 400, "InvalidMetadataError")
        assert not Session.objects.exists()

    def test_may_have_surrogate_pairs(self, api, agent):
        body = json.dumps(body_for(agent, metadata={"k": "😀"}))
        assert r"\ud83d\ude00" in body
        assert api.post("", body.encode()).json()["metadata"] == {"k": "😀"}


#: Each number: what it may be at least and at most, by default settings.
RANGES = {
    "timeoutMinutes": (5, 1440),
    "maxDurationMinutes": (1, 2880),
    "warningThresholdMinutes": (1, 1440),
}


class TestTimeoutConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [(field, end) for field, ends in RANGES.items() for end in ends],
    )
    def test_takes_both_ends_of_a_range(self, api, agent, field, value):
        response = api.post("", body_for(agent, timeoutConfig={field: value}))
        assert response.json()["timeoutConfig"][field] == value

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            (field, value)
            for field, (low, high) in RANGES.items()
            for value in (
                *(low - 1, high + 1, 0, -1, -low, 10**30, 1e300),
                *(low + 0.5, high + 1e-9, True, False, str(low), "", [low], {}),
            )
        ],
    )
    def test_refuses_what_is_outside(self, api, agent, field, value):
        response = api.post("", body_for(agent, timeoutConfig={field: value}))
        error = error_of(response, 400, "InvalidTimeoutConfigError")
        low, high = RANGES[field]
        assert error["code"] == "VALIDATION_ERROR"
        assert error["context"] == {"field": field, "minimum": low, "maximum": high}
        assert f"{field} must be a whole number from {low} to {high}" in error["details"]
        assert not Session.objects.exists()

    @pytest.mark.parametrize("field", RANGES)
    def test_takes_a_whole_number_however_it_is_written(self, api, agent, field):
        body = json.dumps(body_for(agent, timeoutConfig={field: 123.0}))
        for spelling in ("123.0", "1.23e2", "12300E-2"):
            response = api.post("", body.replace("123.0", spelling).encode())
            assert f'"{field}":123,'.encode() in response.content.replace(b"}", b",")

    @pytest.mark.parametrize("value", [True, False])
    def test_takes_auto_renew(self, api, agent, value):
        response = api.post("", body_for(agent, timeoutConfig={"autoRenew": value}))
        assert response.json()["timeoutConfig"]["autoRenew"] is value

    @pytest.mark.parametrize("value", [0, 1, 1.0, "true", "", [], {}], ids=repr)
    def test_refuses_auto_renew_that_is_no_boolean(self, api, agent, value):
        response = api.post("", body_for(agent, timeoutConfig={"autoRenew": value}))
        error = error_of(response, 400, "InvalidTimeoutConfigError")
        assert error["context"] == {"field": "autoRenew"}

    @pytest.mark.parametrize("config", [[], "", "x", 0, 30, True, False], ids=repr)
    def test_must_be_an_object(self, api, agent, config):
        response = api.post("", body_for(agent, timeoutConfig=config))
        error = error_of(response, 400, "InvalidTimeoutConfigError")
        assert error["context"] == {"field": "timeoutConfig"}

    @pytest.mark.parametrize(
        "config", [None, {}, {"timeoutMinutes": None}, dict.fromkeys(TIMEOUT_CONFIG)]
    )
    def test_inherits_what_is_null_or_absent(self, api, agent_factory, config):
        agent = agent_factory(timeout_minutes=77, auto_renew=False)
        response = api.post("", body_for(agent, timeoutConfig=config))
        assert response.json()["timeoutConfig"] == {
            "timeoutMinutes": 77,
            "autoRenew": False,
            "maxDurationMinutes": 720,
            "warningThresholdMinutes": 5,
        }

    def test_wins_over_the_agent_field_by_field(self, api, agent_factory):
        agent = agent_factory(timeout_minutes=77, warning_threshold_minutes=9)
        response = api.post("", body_for(agent, timeoutConfig={"timeoutMinutes": 6}))
        assert response.json()["timeoutConfig"]["timeoutMinutes"] == 6
        assert response.json()["timeoutConfig"]["warningThresholdMinutes"] == 9

    def test_follows_the_settings(self, api, agent, settings):
        settings.ELIZA_SESSIONS = settings.ELIZA_SESSIONS | {
            "SESSION_DEFAULT_TIMEOUT_MINUTES": 3,
            "SESSION_MIN_TIMEOUT_MINUTES": 2,
            "SESSION_MAX_TIMEOUT_MINUTES": 10,
        }
        made = api.post("", body_for(agent, timeoutConfig={"maxDurationMinutes": 20}))
        assert made.json()["timeoutConfig"]["timeoutMinutes"] == 3
        for field, ends in {
            "timeoutMinutes": (2, 10),
            "maxDurationMinutes": (1, 20),
        }.items():
            for value in (ends[0] - 1, ends[1] + 1):
                response = api.post("", body_for(agent, timeoutConfig={field: value}))
                context = error_of(response, 400, "InvalidTimeoutConfigError")["context"]
                assert (context["minimum"], context["maximum"]) == ends


def test_a_refused_session_leaves_nothing_behind(api: Api, agent: Agent) -> None:
    api.post("", body_for(agent, metadata=5))
    api.post("", body_for(agent, timeoutConfig=5))
    assert not Session.objects.exists()
    assert not Event.objects.exists()


def test_a_session_the_database_refuses_is_a_500(api: Api, agent: Agent) -> None:
    api.client.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_eliza_sessions_event RENAME TO eliza_elsewhere")
    error = error_of(api.post("", body_for(agent)), 500, "SessionCreationError")
    assert error["code"] == "SESSION_CREATION_FAILED"
    assert "eliza_elsewhere" not in str(error)
    assert not Session.objects.exists()
