"""Every event of sockets, as everybody."""

import uuid

import pytest
import socketio

from django_eliza_sessions.models import Message, Session
from django_eliza_sessions.realtime.handlers import Sockets
from tests.access.conftest import ADMINISTRATORS, EVERYBODY, NOBODY, OWNERS, STRANGERS
from tests.realtime.conftest import SOON, connect, serve, url

__all__ = ["connect", "serve", "url"]
pytestmark = pytest.mark.django_db(transaction=True)


def joining(session_id):
    return {"roomId": session_id}


def sending(session_id):
    return {"channelId": session_id, "message": "Hi"}


#: What is about one session: what a client sends. The walk fails where an event is neither
#: here nor among the others.
ON_A_SESSION = {
    "join": joining,
    "1": joining,
    "2": sending,
    "message": lambda session_id: {"type": 2, "payload": sending(session_id)},
}
#: Leaving says the same about every room; the rest comes from the library itself.
OTHERS = {"leave", "connect", "disconnect", "malformed"}


def test_the_walk_leaves_nothing_out():
    handlers = {name[3:] for name in dir(Sockets) if name.startswith("on_")}
    assert handlers == {*ON_A_SESSION, *OTHERS}


@pytest.fixture
def open_as(callers, connect):
    return lambda name: connect(headers=callers[name].headers)


@pytest.mark.parametrize("name", NOBODY)
def test_nobody_opens_a_socket(callers, url, name):
    heard = []
    client = socketio.Client(reconnection=False)
    client.on("connect_error", heard.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(url, headers=callers[name].headers, wait_timeout=SOON)
    assert heard[0]["data"] == {"code": "UNAUTHORIZED"}


def stored():
    return list(Session.objects.values()), Message.objects.count()


@pytest.mark.parametrize("name", STRANGERS)
def test_a_session_is_missing_for_strangers(open_as, session_of, name):
    (session, _), before, missing = session_of("owner"), stored(), str(uuid.uuid4())
    socket = open_as(name)
    for event, payload in ON_A_SESSION.items():
        theirs = socket.call(event, payload(str(session.pk)))
        nobodys = socket.call(event, payload(missing))
        assert theirs["code"] == "SESSION_NOT_FOUND", event
        assert str(theirs).replace(str(session.pk), missing) == str(nobodys)
    left = [socket.call("leave", joining(id_)) for id_ in (str(session.pk), missing)]
    assert str(left[0]).replace(str(session.pk), missing) == str(left[1])
    assert stored() == before


@pytest.mark.parametrize("owner", OWNERS)
def test_a_session_is_open_to_its_owner_and_administrators(open_as, session_of, owner):
    session, _ = session_of(owner)
    for name in (owner, *ADMINISTRATORS):
        socket = open_as(name)
        for event, payload in ON_A_SESSION.items():
            assert "error" not in socket.call(event, payload(str(session.pk))), event


def test_everybody_is_somebody():
    assert {*EVERYBODY} == {*NOBODY, *STRANGERS, *OWNERS, *ADMINISTRATORS}
