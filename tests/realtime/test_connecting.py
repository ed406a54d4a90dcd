"""Who may open a socket, from where, and what it is told first."""

import urllib.error
import urllib.request
import uuid

import pytest
import socketio
from django.contrib.auth import get_user_model
from django.test import Client
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_websocket

from django_eliza_sessions.models import ApiKey
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock, keys
from django_eliza_sessions.services.access import principal_of_key
from tests.services.race import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "the server's key"
ENTITY = "9f8e7d6c-5b4a-4c3d-8e2f-1a0b9c8d7e6f"


@pytest.fixture
def key_needed(configure):
    configure(ACCESS="key", ELIZA_SERVER_AUTH_TOKEN=KEY)


def refusal(url, **arguments):
    """Return what the ``connect_error`` says."""
    heard = []
    client = socketio.Client(reconnection=False)
    client.on("connect_error", heard.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(url, transports=["websocket"], **arguments)
    return heard[0]


def test_anybody_where_access_is_open(connect):
    socket = connect()
    greeting = socket.wait_for("connection_established")
    assert greeting["socketId"] == socket.client.get_sid()
    assert socket.names() == ["connection_established"]


def test_tells_an_entity_first_that_it_is_known(connect):
    socket = connect(auth={"entityId": ENTITY.upper()})
    socket.wait_for("connection_established")
    assert socket.names() == ["authenticated", "connection_established"]
    authenticated = socket.wait_for("authenticated")
    assert authenticated.keys() == {"entityId", "timestamp"}
    assert authenticated["entityId"] == ENTITY
    assert isinstance(authenticated["timestamp"], int)


@pytest.mark.usefixtures("key_needed")
class TestKey:
    def test_none(self, url):
        refused = refusal(url)
        assert refused["data"] == {"code": "UNAUTHORIZED"}
        assert "X-API-KEY" in refused["message"]

    @pytest.mark.parametrize(
        "arguments",
        [{"auth": {"apiKey": KEY}}, {"headers": {"X-API-KEY": KEY}}],
        ids=["auth", "header"],
    )
    @pytest.mark.parametrize("transport", ["websocket", "polling"])
    def test_right(self, connect, session, arguments, transport):
        socket = connect(transports=[transport], **arguments)
        assert socket.join(session)["roomId"] == str(session.pk)

    @pytest.mark.parametrize("access", ["key", "open"])
    @pytest.mark.parametrize(
        "arguments",
        [{"auth": {"apiKey": "wrong"}}, {"headers": {"X-API-KEY": "wrong"}}],
        ids=["auth", "header"],
    )
    def test_wrong(self, url, configure, arguments, access):
        configure(ACCESS=access)
        refused = refusal(url, **arguments)
        assert refused == {
            "message": "The API key is not valid.",
            "data": {"code": "UNAUTHORIZED"},
        }


class TestApiKey:
    @pytest.fixture
    def key_and_text(self, key_needed, configure):
        configure(API_KEY_CACHE_SECONDS=1)
        return keys.create_key(name="App")

    def test_hears_own_sessions_alone(self, connect, key_and_text, session_factory):
        key, text = key_and_text
        own = session_factory(principal=principal_of_key(text), user_id=key.user_id)
        socket = connect(auth={"apiKey": text})
        assert socket.join(own)["sequence"] == 1
        assert socket.join(session_factory())["code"] == "SESSION_NOT_FOUND"

    @pytest.mark.parametrize("end", ["revoke", "expire"])
    def test_that_is_over_keeps_no_socket_open(self, connect, key_and_text, end):
        key, text = key_and_text
        _, other = keys.create_key(name="Other")
        socket, stays = connect(auth={"apiKey": text}), connect(auth={"apiKey": other})
        if end == "revoke":
            keys.revoke_key(prefix=key.prefix)
        else:
            ApiKey.objects.filter(pk=key.pk).update(expires_at=clock.now())
        assert socket.wait_for("messageError")["code"] == "UNAUTHORIZED"
        wait_until(lambda: not socket.client.connected, "the end of the connection")
        assert stays.client.connected
        assert "messageError" not in stays.names()

    def test_that_is_over_opens_none(self, url, key_and_text):
        key, text = key_and_text
        keys.revoke_key(prefix=key.prefix)
        refused = refusal(url, auth={"apiKey": text})
        assert refused["data"] == {"code": "UNAUTHORIZED"}


@pytest.mark.parametrize(
    "auth",
    [[1], "key", {"apiKey": 1}, {"entityId": "me"}, {"entityId": 1}, {"apiKey": "\ud800"}],
    ids=repr,
)
def test_auth_of_another_shape(url, auth):
    assert refusal(url, auth=auth)["data"]["code"] in ("VALIDATION_ERROR", "UNAUTHORIZED")


class TestUser:
    @pytest.fixture
    def user(self, key_needed):
        return get_user_model().objects.create_user("ada")

    @pytest.fixture
    def cookie(self, user):
        client = Client()
        client.force_login(user)
        return {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}

    def test_hears_own_sessions_alone(self, connect, cookie, user, session_factory):
        own = session_factory(principal=Principal(id=f"user:{user.pk}"))
        socket = connect(headers=cookie)
        assert socket.join(own)["sequence"] == 1
        assert socket.join(session_factory())["code"] == "SESSION_NOT_FOUND"

    def test_staff_hears_all(self, connect, cookie, user, session):
        user.is_staff = True
        user.save()
        assert connect(headers=cookie).join(session)["sequence"] == 1

    @pytest.mark.parametrize("end", ["deactivated", "deleted", "no-longer-staff"])
    def test_that_may_no_longer_keeps_no_socket_open(
        self, connect, configure, cookie, user, end
    ):
        configure(API_KEY_CACHE_SECONDS=1)
        user.is_staff = True
        user.save()
        other = Client()
        other.force_login(get_user_model().objects.create_user("bob"))
        socket = connect(headers=cookie)
        stays = connect(headers={"Cookie": f"sessionid={other.cookies['sessionid'].value}"})
        if end == "deactivated":
            user.is_active = False
            user.save()
        elif end == "deleted":
            user.delete()
        else:
            get_user_model().objects.filter(pk=user.pk).update(is_staff=False)
        assert socket.wait_for("messageError")["code"] == "UNAUTHORIZED"
        wait_until(lambda: not socket.client.connected, "the end of the connection")
        assert stays.client.connected
        assert "messageError" not in stays.names()

    def test_without_the_cookie(self, url, user):
        assert refusal(url)["data"] == {"code": "UNAUTHORIZED"}


class TestOrigin:
    """A browser sends its cookies from any page, so pages of others are refused."""

    @pytest.fixture
    def connect_from(self, connect):
        # With websockets the client always says that it comes from the same origin.
        return lambda origin: connect(transports=["polling"], headers={"Origin": origin})

    def test_the_same(self, connect_from, url):
        connect_from(url).wait_for("connection_established")

    def test_of_others(self, url):
        request = urllib.request.Request(
            f"{url}/socket.io/?EIO=4&transport=polling",
            headers={"Origin": "https://evil.example"},
        )
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(request)

    def test_allowed_by_setting(self, connect_from, configure):
        configure(REALTIME_ALLOWED_ORIGINS=["https://app.example"])
        connect_from("https://app.example").wait_for("connection_established")

    def test_host_that_is_not_ours(self, url, configure, settings):
        configure(REALTIME_ALLOWED_ORIGINS=[url])
        settings.ALLOWED_HOSTS = ["sessions.example"]
        assert refusal(url)["message"] == "host is not one of this server's"


class TestBesideTheProject:
    def test_http_is_the_projects(self, url):
        with urllib.request.urlopen(f"{url}/api/messaging/sessions/health") as response:
            assert response.status == 200

    def test_other_websockets_are_refused(self, url):
        with pytest.raises(InvalidStatus, match="403"):
            connect_websocket(f"{url.replace('http', 'ws')}/{uuid.uuid4()}")
