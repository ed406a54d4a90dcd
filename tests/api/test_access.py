"""Who may do what: keys, the project's own users, and open doors."""

import uuid

import pytest
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client

from django_eliza_sessions.models import Session
from tests.api.conftest import KEY
from tests.api.shapes import error_of, every_route
from tests.conftest import Api
from tests.openapi.conformance import ConformingClient


def create(api: Api, agent) -> str:
    response = api.post("", {"agentId": str(agent.pk), "userId": str(uuid.uuid4())})
    assert response.status_code == 201, response.content
    return response.json()["sessionId"]


def without_id_and_time(response, session_id):
    text = response.content.decode().replace(session_id, "…")
    head, _, _ = text.partition('"timestamp"')
    return response.status_code, head


@pytest.mark.usefixtures("closed_door")
class TestNobody:
    @every_route
    def test_gets_in(self, api, session, method, below, body):
        response = api._send(method, f"/{session.pk}{below}", body)
        error = error_of(response, 401, "AuthenticationError")
        assert error["code"] == "UNAUTHORIZED"
        assert response["WWW-Authenticate"] == "X-API-KEY"

    def test_creates_or_lists(self, api, agent):
        body = {"agentId": str(agent.pk), "userId": str(uuid.uuid4())}
        error_of(api.post("", body), 401, "AuthenticationError")
        error_of(api.get(""), 401, "AuthenticationError")
        assert not Session.objects.exists()

    @every_route
    def test_learns_whether_a_session_exists(self, api, session, method, below, body):
        for session_id in (session.pk, uuid.uuid4(), "no-uuid"):
            response = api._send(method, f"/{session_id}{below}", body)
            error_of(response, 401, "AuthenticationError")

    def test_is_asked_for_json_before_a_key(self, api):
        error_of(api.post("", b"{"), 400, "InvalidRequestError")
        response = api.post("", b"{}", content_type="text/plain")
        error_of(response, 415, "UnsupportedMediaTypeError")

    def test_is_asked_for_a_key_before_the_fields(self, api):
        error_of(api.post("", {}), 401, "AuthenticationError")
        error_of(api.get("", limit=0), 401, "AuthenticationError")


class TestKey:
    def test_opens_every_door(self, key_holder, agent):
        session = create(key_holder, agent)
        assert Session.objects.get().owner == "key:server"
        assert key_holder.get(f"/{session}").status_code == 200
        assert key_holder.get("").json()["total"] == 1

    def test_sees_everybodys_sessions(self, key_holder, login, agent):
        session = create(login("ann"), agent)
        assert key_holder.get(f"/{session}").status_code == 200

    @pytest.mark.parametrize(
        "key", ["", " ", "wrong", KEY.upper(), KEY[:-1], f"{KEY}x", "é", "x" * 5000]
    )
    def test_must_be_right(self, closed_door, db, key):
        response = Api(ConformingClient(headers={"X-API-KEY": key})).get("")
        error_of(response, 401, "AuthenticationError")
        assert response["WWW-Authenticate"] == "X-API-KEY"
        assert KEY.encode() not in response.content

    def test_must_be_right_even_where_access_is_open(self, db):
        api = Api(ConformingClient(headers={"X-API-KEY": "wrong"}))
        error_of(api.get(""), 401, "AuthenticationError")
        assert Api(ConformingClient()).get("").status_code == 200

    def test_must_be_right_even_for_a_user(self, closed_door, login):
        api = login("ann", is_staff=True)
        response = api.client.get("/api/messaging/sessions", headers={"X-API-KEY": "wrong"})
        error_of(response, 401, "AuthenticationError")

    def test_opens_nothing_where_none_is_set(self, settings, db):
        settings.ELIZA_SESSIONS = settings.ELIZA_SESSIONS | {"ACCESS": "key"}
        for key in ("", "None", KEY):
            response = Api(ConformingClient(headers={"X-API-KEY": key})).get("")
            error_of(response, 401, "AuthenticationError")

    def test_needs_no_query(self, key_holder, django_assert_num_queries):
        with django_assert_num_queries(1):
            key_holder.get(f"/{uuid.uuid4()}")


@pytest.mark.usefixtures("closed_door")
class TestUser:
    @every_route
    def test_may_use_their_own_session(self, login, agent, method, below, body):
        ann = login("ann")
        session = create(ann, agent)
        response = ann._send(method, f"/{session}{below}", body)
        assert response.status_code in (200, 201)

    @every_route
    def test_sees_anothers_session_as_missing(self, login, agent, method, below, body):
        session = create(login("ann"), agent)
        before = Session.objects.values().get()
        bob, missing = login("bob"), str(uuid.uuid4())
        theirs = bob._send(method, f"/{session}{below}", body)
        none = bob._send(method, f"/{missing}{below}", body)
        error_of(theirs, 404, "SessionNotFoundError")
        assert without_id_and_time(theirs, session) == without_id_and_time(none, missing)
        assert Session.objects.values().get() == before

    @every_route
    def test_sees_all_as_staff(self, login, agent, method, below, body):
        session = create(login("ann"), agent)
        staff = login("boss", is_staff=True)
        response = staff._send(method, f"/{session}{below}", body)
        assert response.status_code in (200, 201)

    def test_lists_only_as_staff(self, login, agent):
        session = create(login("ann"), agent)
        error = error_of(login("bob").get(""), 403, "PermissionDeniedError")
        assert error["code"] == "FORBIDDEN"
        # Not even whether the query is good.
        error_of(login("eve").get("", limit=0), 403, "PermissionDeniedError")
        page = login("boss", is_staff=True).get("").json()
        assert [s["sessionId"] for s in page["sessions"]] == [session]

    def test_must_be_active(self, login):
        api = login("ann", is_staff=True, is_active=False)
        error_of(api.get(""), 401, "AuthenticationError")

    def test_cannot_be_forged_from_another_site(self, login, agent):
        api = login("ann")
        careful = Client(enforce_csrf_checks=True)
        careful.cookies = api.client.cookies
        body = {"agentId": str(agent.pk), "userId": str(uuid.uuid4())}
        error_of(Api(careful).post("", body), 403, "PermissionDeniedError")
        assert not Session.objects.exists()
        careful.cookies["csrftoken"] = token = _get_new_csrf_string()
        response = Api(careful).post("", body, headers={"X-CSRFToken": token})
        assert response.status_code == 201

    def test_key_holders_need_no_csrf_token(self, agent):
        careful = Client(enforce_csrf_checks=True, headers={"X-API-KEY": KEY})
        create(Api(careful), agent)


class TestOpenDoor:
    def test_lets_anybody_do_everything(self, api, agent, session):
        assert create(api, agent)
        assert api.get(f"/{session.pk}").status_code == 200
        assert api.get("").status_code == 200

    def test_lets_users_list_too(self, login, agent, api):
        session = create(api, agent)
        ann = login("ann")
        assert ann.get("").status_code == 200
        assert ann.get(f"/{session}").status_code == 200
