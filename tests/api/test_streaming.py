"""Replies as server-sent events: on the wire, resumed, and left."""

import json
from urllib.parse import urlsplit

import pytest

from django_eliza_sessions.models import Event, Message, Reply
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import watching
from django_eliza_sessions.services.lifecycle import end_session
from tests.api.shapes import error_of
from tests.api.sse import Stream
from tests.conftest import BASE, NOON, Api, minutes
from tests.services.race import together, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("clock", "all_over"),
]
SSE = {"content": "Hello", "transport": "sse"}
LISTEN = {"Accept": "text/event-stream"}
KEEP_ALIVE = ": keep-alive\n\n"


@pytest.fixture
def all_over():
    """No reply is under way, nothing is left to tell and nobody watches, in the end."""
    yield
    wait_until(lambda: not Reply.objects.unfinished().exists(), "the replies")
    untold = Event.objects.filter(relay_at__isnull=False)
    wait_until(lambda: not untold.exists(), "those who hear of it")
    wait_until(lambda: not watching._lookout._watchers, "the watchers")


@pytest.fixture(params=["asgi", "wsgi"])
def address(request):
    """The project on a real server, of either kind."""
    if request.param == "asgi":
        return request.getfixturevalue("asgi_server")
    url = urlsplit(request.getfixturevalue("live_server").url)
    return url.hostname, url.port


@pytest.fixture
def send(client, session):
    """Send a message, by default for its stream, and return the response."""

    def post(body=SSE, **headers):
        path = f"{BASE}/{session.pk}/messages"
        return client.post(path, body, content_type="application/json", headers=headers)

    return post


@pytest.fixture
def follow(client, session):
    """Follow the reply to the session's first message."""

    def get(after=None, *, query=None, **headers):
        message = session.messages.filter(is_agent=False).earliest("created_at")
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        return client.get(
            f"{BASE}/{session.pk}/messages/{message.pk}/reply",
            query or {},
            headers=LISTEN | headers,
        )

    return get


def blocks(response):
    """The events of a whole stream, as they are on the wire."""
    text = response.getvalue().decode()
    assert text.endswith("\n\n")
    found = [f"{block}\n\n" for block in text[:-2].split("\n\n")]
    return [block for block in found if block != KEEP_ALIVE]


def script(agent, **options):
    agent.backend_options = options
    agent.save()


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class TestWire:
    def test_is_exactly_this(self, send, agent, session, clock):
        script(agent, chunks=["Hé", "\n\nlo"], delay=0.1, thought="Hm.")

        response = send()

        assert response.status_code == 200
        assert response["Content-Type"] == "text/event-stream"
        assert response["Cache-Control"] == "no-store"
        told = "".join(blocks(response))
        message, answer = Message.objects.order_by("created_at")
        user_message = {
            "id": str(message.pk),
            "content": "Hello",
            "authorId": str(session.user_id),
            "createdAt": "2026-01-01T12:00:00.000Z",
            "metadata": {},
        }
        done = {
            "id": str(answer.pk),
            "content": "Hé\n\nlo",
            "authorId": str(agent.pk),
            "createdAt": "2026-01-01T12:00:00.001Z",
            "metadata": {"thought": "Hm."},
            "isAgent": True,
        }
        of_answer = f'"messageId":"{answer.pk}"'
        assert told == (
            f"id: 0\nevent: user_message\ndata: {compact(user_message)}\n\n"
            f'id: 1\nevent: chunk\ndata: {{{of_answer},"chunk":"Hé","index":0}}\n\n'
            f'id: 2\nevent: chunk\ndata: {{{of_answer},"chunk":"\\n\\nlo","index":1}}\n\n'
            f"id: 3\nevent: done\ndata: {compact(done)}\n\n"
        )

    def test_of_a_reply_in_one_piece_has_one_chunk(self, send):
        names = [block.split("\n")[:2] for block in blocks(send())]
        assert names == [
            ["id: 0", "event: user_message"],
            ["id: 1", "event: chunk"],
            ["id: 2", "event: done"],
        ]

    @pytest.mark.parametrize("chunks", [[], ["Hel"]])
    def test_of_a_failure_says_no_secret(self, send, agent, caplog, chunks):
        script(agent, chunks=chunks, error="secret")

        told = blocks(send())

        error = json.loads(told[-1].split("data: ")[1])
        assert told[-1].startswith(f"id: {len(chunks) + 1}\nevent: error\n")
        assert error["code"] == "MESSAGE_SEND_FAILED"
        assert error.get("partialText", "") == "".join(chunks)
        assert error["messageId"] == str(Reply.objects.get().answer_id)
        assert "secret" not in "".join(told)
        assert len(told) == len(chunks) + 2

    def test_of_silence_is_a_comment(self, send, prompter, monkeypatch):
        monkeypatch.setattr(watching, "SILENCE", 0.05)
        stream = iter(send())
        assert next(stream).startswith(b"id: 0\n")
        assert [next(stream), next(stream)] == [b": keep-alive\n\n"] * 2
        prompter.finish("At last.")
        assert b"".join(stream).count(b"event: done") == 1


class TestChoosing:
    @pytest.mark.parametrize(
        "accept", ["text/event-stream", "text/event-stream, */*;q=0.1", "Text/Event-Stream"]
    )
    def test_accept_alone_is_enough(self, send, accept):
        response = send({"content": "Hello"}, Accept=accept)
        assert response["Content-Type"] == "text/event-stream"
        assert blocks(response)

    @pytest.mark.parametrize(
        "accept",
        [
            "text/event-stream;q=0, application/json",
            "application/json, text/event-stream;q=0.1",
            "*/*",
        ],
    )
    def test_accept_must_prefer_it(self, send, accept):
        response = send({"content": "Hello"}, Accept=accept)
        assert response["Content-Type"] == "application/json"

    @pytest.mark.parametrize("words", [{"transport": "sse"}, {"mode": "stream"}], ids=str)
    @pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html"])
    def test_word_alone_is_enough(self, send, words, accept):
        response = send({"content": "Hello"} | words, Accept=accept)
        assert response["Content-Type"] == "text/event-stream"
        assert blocks(response)

    @pytest.mark.parametrize(
        "words",
        [{"transport": "http"}, {"mode": "sync"}, {"transport": "websocket"}],
        ids=str,
    )
    def test_word_wins_over_accept(self, send, words):
        response = send({"content": "Hello"} | words, **LISTEN)
        assert response.status_code == 201
        assert response["Content-Type"] == "application/json"

    @pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
    def test_is_told_to_caches(self, client, session, send, follow, accept):
        for response in (send({"content": "Hello"}, Accept=accept), follow(Accept=accept)):
            assert response["Content-Type"] == accept
            assert "Accept" in response["Vary"].split(", ")
            b"".join(response)
        history = client.get(f"{BASE}/{session.pk}/messages")
        assert "Accept" not in history.get("Vary", "").split(", ")

    @pytest.mark.parametrize("body", [{"content": ""}, {"content": "x", "transport": "no"}])
    def test_error_before_the_stream_is_json(self, send, body):
        error_of(send(body, **LISTEN), 400, "InvalidContentError")


ENDS = {
    "complete": {"chunks": ["a", "b", "c"], "delay": 0.1},
    "complete-in-one-piece": {"text": "abc"},
    "failed": {"chunks": ["a", "b", "c"], "delay": 0.1, "error_after": 2},
    "failed-at-once": {"error": "no model"},
}


class TestResuming:
    @pytest.mark.parametrize("options", ENDS.values(), ids=ENDS)
    def test_of_a_finished_reply_from_every_place(
        self, send, follow, agent, caplog, options
    ):
        script(agent, **options)
        whole = blocks(send())

        assert blocks(follow()) == whole
        assert blocks(follow("")) == whole
        for place in range(len(whole) - 1):
            assert blocks(follow(place)) == whole[place + 1 :]
            assert blocks(follow(query={"lastEventId": place})) == whole[place + 1 :]
        for place in (len(whole) - 1, len(whole), 999_999_999):
            over = follow(place)
            assert (over.status_code, over.content) == (204, b"")
            assert follow(query={"lastEventId": place}).status_code == 204

    def test_header_wins_over_query(self, send, follow):
        whole = blocks(send())
        assert blocks(follow(1, query={"lastEventId": "0"})) == whole[2:]

    @pytest.mark.parametrize(
        "place", ["x", "-1", "1.0", " ", "1 1", "٣", "1" * 10, "0x1", "1e3"], ids=ascii
    )
    @pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
    def test_from_nowhere_is_a_400(self, send, follow, place, accept):
        blocks(send())
        response = follow(query={"lastEventId": place}, Accept=accept)
        error = error_of(response, 400, "InvalidRequestError")
        assert error["context"]["field"] == "lastEventId"
        if place.isascii() and place.strip():
            error_of(follow(place, Accept=accept), 400, "InvalidRequestError")

    def test_twice_at_the_same_time(self, send, follow, prompter):
        streams = [iter(send()), iter(follow())]
        prompter.say("Hello")
        prompter.finish()
        assert b"".join(streams[0]) == b"".join(streams[1])

    def test_connection_cut_at_every_event(self, address, session, prompter):
        texts = [f"<{i}>" for i in range(5)]
        path = f"/{session.pk}/messages"
        with Stream(address, path, SSE) as stream:
            told = [stream.block()]
        message = Message.objects.get(is_agent=False)
        for place, text in enumerate(texts):
            with Stream(
                address, f"{path}/{message.pk}/reply", **{"Last-Event-ID": str(place)}
            ) as stream:
                assert stream.block() == KEEP_ALIVE
                prompter.say(text)
                told.append(stream.block())
        prompter.finish()
        with Stream(
            address, f"{path}/{message.pk}/reply?lastEventId={len(texts)}"
        ) as stream:
            assert stream.block() == KEEP_ALIVE
            told.append(stream.rest())

        with Stream(address, f"{path}/{message.pk}/reply") as stream:
            assert stream.rest() == "".join(told)
        assert [block.split("\n")[0] for block in told] == [f"id: {i}" for i in range(7)]
        assert Message.objects.get(is_agent=True).content == "".join(texts)


class TestServers:
    """Under ASGI and under WSGI threads, through real sockets."""

    def test_nothing_is_held_back(self, address, session, prompter):
        """The agent says each piece only when the one before has arrived."""
        with Stream(address, f"/{session.pk}/messages", SSE) as stream:
            assert stream.status == 200
            assert stream.response.headers["Content-Type"] == "text/event-stream"
            assert stream.event()[:2] == ("0", "user_message")
            for index in range(3):
                prompter.say(f"piece {index}")
                number, name, data = stream.event()
                assert (number, name) == (str(index + 1), "chunk")
                assert (data["chunk"], data["index"]) == (f"piece {index}", index)
            prompter.finish()
            assert stream.event()[:2] == ("4", "done")
            assert stream.rest() == ""

    def test_reply_is_stored_though_the_client_went_away(self, address, session, prompter):
        with Stream(address, f"/{session.pk}/messages", SSE) as stream:
            stream.block()
            prompter.say("Hello, ")
            stream.block()
        prompter.say("anybody?")
        prompter.finish()

        wait_until(lambda: Reply.objects.get().is_finished, "the reply")
        assert Message.objects.get(is_agent=True).content == "Hello, anybody?"

    def test_many_watch_one_reply(self, address, session, prompter):
        path = f"/{session.pk}/messages"
        with Stream(address, path, SSE) as sender:
            sender.block()
            message = Message.objects.get()

            def watch():
                with Stream(address, f"{path}/{message.pk}/reply") as stream:
                    return stream.rest()

            def tell():
                prompter.say(*"abc")
                prompter.finish()

            *told, _ = together([*[watch] * 10, tell])
        assert len(set(told)) == 1
        assert told[0].count("event: done") == 1

    def test_other_requests_are_served_meanwhile(self, address, session, prompter):
        path = f"/{session.pk}/messages"
        streams = [Stream(address, path, SSE) for _ in range(5)]
        for stream in streams:
            stream.block()
        with Stream(address, f"/{session.pk}") as plain:
            assert plain.status == 200
        for _ in streams:
            prompter.finish("Over.")
        for stream in streams:
            assert "Over." in stream.rest()
            stream.close()

    @pytest.mark.parametrize("over", ["expired", "ended", "cancelled"])
    def test_end_before_the_end(self, address, session, prompter, clock, client, over):
        with Stream(address, f"/{session.pk}/messages", SSE) as stream:
            stream.block()
            prompter.say("Hel")
            stream.block()
            if over == "expired":
                clock.shift(minutes(30))
            elif over == "ended":
                end_session(principal=SYSTEM, session_id=session.pk)
            else:
                message = Message.objects.get()
                Api(client).post(f"/{session.pk}/messages/{message.pk}/cancel")
            number, name, data = stream.event()

            assert (number, name) == ("2", "error")
            assert (
                data["code"]
                == {
                    "expired": "SESSION_EXPIRED",
                    "ended": "SESSION_NOT_FOUND",
                    "cancelled": "REPLY_CANCELLED",
                }[over]
            )
            assert data["partialText"] == "Hel"
            assert stream.rest() == ""
        prompter.wait_for_silence()


def test_of_an_expired_session_cannot_be_resumed(send, follow, clock):
    blocks(send())
    clock.move_to(NOON + minutes(31))
    error_of(follow(), 410, "SessionExpiredError")
