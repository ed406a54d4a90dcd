"""Every route, with every method, as everybody."""

import json
import uuid

import pytest

from django_eliza_sessions.api.urls import BASE
from django_eliza_sessions.models import Message, Session
from django_eliza_sessions.urls import urlpatterns
from tests.access.conftest import (
    ADMINISTRATORS,
    EVERYBODY,
    FREE,
    NOBODY,
    OWNERS,
    STRANGERS,
)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
SESSION = "/<str:sessionId>"
MESSAGE = f"{SESSION}/messages/<str:messageId>"

#: What is about one session: a good body, and the status for whom it belongs to.
#: The walk below fails where a route is neither here nor among the others.
ON_A_SESSION = {
    (SESSION, "GET"): (None, 200),
    (SESSION, "DELETE"): (None, 200),
    (f"{SESSION}/renew", "POST"): (None, 200),
    (f"{SESSION}/timeout", "PATCH"): ({}, 200),
    (f"{SESSION}/heartbeat", "POST"): (None, 200),
    (f"{SESSION}/messages", "GET"): (None, 200),
    (f"{SESSION}/messages", "POST"): ({"content": "Hi", "transport": "http"}, 201),
    (f"{MESSAGE}/reply", "GET"): (None, 200),
    # It is complete already; strangers do not even learn that.
    (f"{MESSAGE}/cancel", "POST"): (None, 409),
}
OTHERS = {("", "GET"), ("", "POST"), ("/health", "GET")}


def declared():
    """What the routes say themselves: each with its methods."""
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        if route.startswith("^"):
            assert route == f"^{BASE}/"  # What no route knows: a 404 for everybody.
            continue
        # A view that was called once has added HEAD to its GET.
        for method in pattern.callback.actions.keys() - {"head"}:
            yield route.removeprefix(BASE).rstrip("/"), method.upper()


def test_the_walk_leaves_nothing_out():
    assert set(declared()) == {*ON_A_SESSION, *OTHERS}
    # Each once more with a trailing slash.
    assert len(list(declared())) == 2 * len({*ON_A_SESSION, *OTHERS})


def call(caller, method, route, body=None, session_id="", message_id="", **extra):
    path = f"/{BASE}{route}".replace("<str:sessionId>", str(session_id))
    return caller.client().generic(
        method,
        path.replace("<str:messageId>", str(message_id)),
        "" if body is None else json.dumps(body),
        content_type="application/json",
        **extra,
    )


def told(response, *ids):
    """What an answer says, whatever it is about and when."""
    text = response.content.decode().partition('"timestamp"')[0]
    for hidden in ids:
        text = text.replace(str(hidden), "…")
    own = ("Content-Length", "X-Request-ID")
    headers = {name: value for name, value in response.items() if name not in own}
    return response.status_code, headers, text


def stored():
    return list(Session.objects.order_by("pk").values()), Message.objects.count()


def code_of(response):
    return response.json()["error"]["code"]


@pytest.mark.parametrize("slash", ["", "/"], ids=["plain", "slash"])
@pytest.mark.parametrize(("route", "method"), ON_A_SESSION, ids=" ".join)
class TestSession:
    @pytest.mark.parametrize("owner", OWNERS)
    def test_is_open_to_its_owner_and_administrators(
        self, callers, session_of, route, method, slash, owner
    ):
        body, status = ON_A_SESSION[route, method]
        for name in (owner, *ADMINISTRATORS):
            ids = session_of(owner)
            response = call(callers[name], method, route + slash, body, *map(str_id, ids))
            assert response.status_code == status, (name, response.content)

    def test_is_missing_for_strangers(self, callers, session_of, route, method, slash):
        body, _ = ON_A_SESSION[route, method]
        session, message_id = session_of("owner")
        before, missing = stored(), uuid.uuid4()
        for name in (*STRANGERS, "owner_key"):
            args = (callers[name], method, route + slash, body)
            theirs = call(*args, session.pk, message_id)
            nobodys = call(*args, missing, message_id)
            assert code_of(theirs) == "SESSION_NOT_FOUND", name
            assert told(theirs, session.pk) == told(nobodys, missing)
        assert stored() == before

    def test_is_closed_to_nobody(self, callers, session_of, route, method, slash):
        body, _ = ON_A_SESSION[route, method]
        session, message_id = session_of("owner")
        before = stored()
        for name in NOBODY:
            args = (callers[name], method, route + slash, body)
            for session_id in (session.pk, uuid.uuid4(), "no-uuid"):
                response = call(*args, session_id, message_id)
                assert (response.status_code, code_of(response)) == (401, "UNAUTHORIZED")
        assert stored() == before


def str_id(row):
    return getattr(row, "pk", row)


@pytest.mark.parametrize("name", EVERYBODY)
class TestOthers:
    def test_list(self, callers, session_of, name):
        session, _ = session_of("owner")
        response = call(callers[name], "GET", "")
        if name in NOBODY:
            assert response.status_code == 401
        elif name == "other_agents_admin_key":
            assert response.json()["sessions"] == []
        elif name in ADMINISTRATORS:
            [listed] = response.json()["sessions"]
            assert listed["sessionId"] == str(session.pk)
        else:
            assert code_of(response) == "FORBIDDEN"

    def test_own_list(self, callers, session_of, name):
        session_of("owner")
        own = [str(session_of(name)[0].pk)] if name == "owner_key" else []
        if name == "owner":
            own = [str(Session.objects.get().pk)]
        response = call(callers[name], "GET", "?mine=true")
        if name in NOBODY:
            assert response.status_code == 401
        else:
            page = response.json()
            assert [found["sessionId"] for found in page["sessions"]] == own
            assert page["stats"]["totalSessions"] == len(own)

    @pytest.mark.parametrize("own", [True, False], ids=["own-user", "other-user"])
    def test_create(self, callers, agent, name, own):
        caller = callers[name]
        user_id = caller.user_id if own else uuid.uuid4()
        response = call(
            caller, "POST", "", {"agentId": str(agent.pk), "userId": str(user_id)}
        )
        if name in NOBODY:
            assert response.status_code == 401
        elif not own and name not in FREE:
            assert code_of(response) == "FORBIDDEN"
        elif name.startswith("other_agents"):
            assert code_of(response) == "AGENT_NOT_FOUND"
        else:
            assert response.status_code == 201
        assert Session.objects.exists() is (response.status_code == 201)

    def test_health(self, callers, name):
        response = call(callers[name], "GET", "/health")
        assert response.status_code == 200

    def test_what_no_route_knows(self, callers, name):
        for method in METHODS:
            response = call(callers[name], method, "/a/b/c/d")
            assert response.status_code == 404

    def test_methods_that_a_route_does_not_have(self, callers, name):
        known = {*ON_A_SESSION, *OTHERS}
        for route in {route for route, _ in known}:
            own = {method for path, method in known if path == route} | {"OPTIONS"}
            for method in set(METHODS) - own - ({"HEAD"} if "GET" in own else set()):
                response = call(callers[name], method, route, None, uuid.uuid4(), "x")
                assert response.status_code == 405, (method, route)
            # It tells the methods, which the documentation does, too.
            asked = call(callers[name], "OPTIONS", route, None, uuid.uuid4(), "x")
            assert (asked.status_code, asked.content) == (200, b"")

    def test_head_tells_no_more_than_get(self, callers, session_of, name):
        session, message_id = session_of("owner")
        for route, method in {*ON_A_SESSION, *OTHERS}:
            if method == "GET":
                answers = [
                    call(callers[name], verb, route, None, session.pk, message_id)
                    for verb in ("GET", "HEAD")
                ]
                assert answers[0].status_code == answers[1].status_code
                assert answers[1].content == b""
