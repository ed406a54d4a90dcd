"""Who may do what: keys, the project's own users, and open doors."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client

from django_eliza_sessions.models import Session
from django_eliza_sessions.services import keys
from django_eliza_sessions.services.access import user_id_of
from tests.api.conftest import KEY
from tests.api.shapes import error_of, every_route
from tests.conftest import NOON, Api
from tests.openapi.conformance import ConformingClient


def create(api: Api, agent) -> str:
    response = api.post("", {"agentId": str(agent.pk), "userId": api.user_id})
    assert response.status_code == 201, response.content
    return response.json()["sessionId"]


def user_id_by_name(user) -> uuid.UUID:
    """Be a ``USER_ID``."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, user.username)


@pytest.fixture
def with_key(db):
    """Make an API key; return the API as its holder sees it, and the key."""

    def make(**scope):
        key, text = keys.create_key(name="Test", **scope)
        return Api(ConformingClient(headers={"X-API-KEY": text}), key.user_id), key

    return make


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

    @pytest.mark.parametrize("fields", [{}, {"is_staff": True}])
    def test_lists_their_own(self, login, agent, api, fields):
        ann = login("ann", **fields)
        mine = [create(ann, agent) for _ in range(3)]
        create(login("bob"), agent)
        page = ann.get("", mine="true", limit=2).json()
        rest = ann.get("", mine="true", limit=2, cursor=page["nextCursor"]).json()
        found = [s["sessionId"] for s in page["sessions"] + rest["sessions"]]
        assert sorted(found) == sorted(mine)
        assert page["total"] == page["stats"]["totalSessions"] == 3
        assert rest["nextCursor"] is None
        ann.delete(f"/{mine[0]}")
        assert ann.get("", mine="true").json()["total"] == 2
        ended = ann.get("", mine="true", state="ended").json()
        assert [s["sessionId"] for s in ended["sessions"]] == [mine[0]]
        assert ann.get("", mine="true", agentId=str(uuid.uuid4())).json()["total"] == 0

    @pytest.mark.parametrize("value", ["", "1", "True", "yes"])
    def test_says_mine_or_not(self, login, value):
        error = error_of(login("ann").get("", mine=value), 400, "InvalidPaginationError")
        assert error["context"] == {"field": "mine"}

    def test_must_be_active(self, login):
        api = login("ann", is_staff=True, is_active=False)
        error_of(api.get(""), 401, "AuthenticationError")

    def test_cannot_be_forged_from_another_site(self, login, agent):
        api = login("ann")
        careful = Client(enforce_csrf_checks=True)
        careful.cookies = api.client.cookies
        body = {"agentId": str(agent.pk), "userId": api.user_id}
        error_of(Api(careful).post("", body), 403, "PermissionDeniedError")
        assert not Session.objects.exists()
        careful.cookies["csrftoken"] = token = _get_new_csrf_string()
        response = Api(careful).post("", body, headers={"X-CSRFToken": token})
        assert response.status_code == 201

    def test_key_holders_need_no_csrf_token(self, agent):
        careful = Client(enforce_csrf_checks=True, headers={"X-API-KEY": KEY})
        create(Api(careful), agent)


@pytest.mark.usefixtures("closed_door")
class TestUserId:
    def test_of_others_is_refused(self, login, agent):
        ann, bob = login("ann"), login("bob")
        body = {"agentId": str(agent.pk), "userId": bob.user_id}
        error = error_of(ann.post("", body), 403, "PermissionDeniedError")
        assert error["context"] == {"userId": ann.user_id}
        assert not Session.objects.exists()

    def test_is_refused_whether_or_not_there_is_such_an_agent(self, login):
        body = {"agentId": str(uuid.uuid4()), "userId": str(uuid.uuid4())}
        error_of(login("ann").post("", body), 403, "PermissionDeniedError")

    def test_of_others_may_be_used_by_staff(self, login, agent):
        body = {"agentId": str(agent.pk), "userId": str(uuid.uuid4())}
        assert login("boss", is_staff=True).post("", body).status_code == 201

    def test_hangs_on_the_primary_key(self, login):
        user = get_user_model()(pk=42)
        assert str(user_id_of(user)) == "fa380499-4d9b-5220-94d9-e9d3f4543ab2"

    def test_is_mapped_by_the_project(self, login, agent, configure):
        configure(USER_ID=f"{__name__}.user_id_by_name")
        ann = login("ann")
        assert ann.user_id == str(user_id_by_name(get_user_model()(username="ann")))
        create(ann, agent)
        assert str(Session.objects.get().user_id) == ann.user_id


@pytest.mark.usefixtures("closed_door", "db")
class TestApiKey:
    def test_has_sessions_of_its_own(self, with_key, agent, login, session):
        api, key = with_key()
        own = create(api, agent)
        stored = Session.objects.get(pk=own)
        assert (stored.owner, stored.user_id) == (f"key:{key.prefix}", key.user_id)
        assert api.get(f"/{own}").status_code == 200
        for stranger in (login("ann"), with_key()[0]):
            error_of(stranger.get(f"/{own}"), 404, "SessionNotFoundError")
        error_of(api.get(f"/{session.pk}"), 404, "SessionNotFoundError")
        error_of(api.get(""), 403, "PermissionDeniedError")

    def test_speaks_for_itself_alone(self, with_key, agent):
        api, key = with_key()
        body = {"agentId": str(agent.pk), "userId": str(uuid.uuid4())}
        error = error_of(api.post("", body), 403, "PermissionDeniedError")
        assert error["context"] == {"userId": str(key.user_id)}

    def test_may_act_as_anybody_if_made_so(self, with_key, agent, session):
        api, _ = with_key(may_act_as=True)
        body = {"agentId": str(agent.pk), "userId": str(session.user_id)}
        assert api.post("", body).status_code == 201
        # That makes it no administrator.
        error_of(api.get(f"/{session.pk}"), 404, "SessionNotFoundError")
        error_of(api.get(""), 403, "PermissionDeniedError")

    def test_may_do_everything_if_made_an_administrator(self, with_key, agent, session):
        api, _ = with_key(is_admin=True)
        body = {"agentId": str(agent.pk), "userId": str(uuid.uuid4())}
        assert api.post("", body).status_code == 201
        assert api.get(f"/{session.pk}").status_code == 200
        assert api.get("").json()["total"] == 2

    @pytest.mark.parametrize("is_admin", [False, True])
    def test_may_be_kept_to_some_agents(self, with_key, agent, agent_factory, is_admin):
        other = agent_factory()
        api, _ = with_key(agent_ids=[agent.pk], is_admin=is_admin)
        create(api, agent)
        missing = {"agentId": str(uuid.uuid4()), "userId": api.user_id}
        error = error_of(api.post("", missing), 404, "AgentNotFoundError")
        refused = missing | {"agentId": str(other.pk)}
        details = error_of(api.post("", refused), 404, "AgentNotFoundError")["details"]
        assert details.replace(str(other.pk), missing["agentId"]) == error["details"]

    def test_sees_no_sessions_of_other_agents(self, with_key, agent_factory, session):
        api, _ = with_key(agent_ids=[agent_factory().pk], is_admin=True)
        error_of(api.get(f"/{session.pk}"), 404, "SessionNotFoundError")
        page = api.get("").json()
        assert (page["total"], page["stats"]["totalSessions"]) == (0, 0)

    def test_is_not_widened_by_the_deletion_of_its_agent(self, with_key, agent_factory):
        gone, other = agent_factory(), agent_factory()
        api, _ = with_key(agent_ids=[gone.pk])
        gone.delete()
        body = {"agentId": str(other.pk), "userId": api.user_id}
        error_of(api.post("", body), 404, "AgentNotFoundError")

    @pytest.mark.parametrize("end", ["revoke", "expire"])
    @pytest.mark.parametrize("access", ["key", "open"])
    def test_stops_working(self, with_key, clock, configure, end, access):
        configure(ACCESS=access)
        api, key = with_key(is_admin=True, expires_at=NOON + timedelta(minutes=1))
        assert api.get("").status_code == 200
        if end == "revoke":
            keys.revoke_key(prefix=key.prefix)
            clock.shift(timedelta(seconds=5))
        else:
            clock.shift(timedelta(minutes=1))
        error_of(api.get(""), 401, "AuthenticationError")

    def test_needs_no_query(self, with_key, clock, django_assert_num_queries):
        api, _ = with_key()
        missing = f"/{uuid.uuid4()}"
        # The key, when it was used, and the session.
        with django_assert_num_queries(3):
            api.get(missing)
        with django_assert_num_queries(1):
            api.get(missing)
        clock.shift(timedelta(seconds=5))
        with django_assert_num_queries(2):
            api.get(missing)
        with django_assert_num_queries(1):
            api.get(missing)

    def test_may_be_as_long_as_it_likes(self, with_key, django_assert_num_queries):
        api, _key = with_key()
        api.client = Client(headers={"X-API-KEY": f"eliza_{'0' * 12}_{'0' * 60_000}"})
        with django_assert_num_queries(0):
            assert api.get("").status_code == 401


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
