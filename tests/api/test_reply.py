"""GET …/messages/{messageId}/reply as JSON, the 202, and busy agents."""

import uuid

import pytest

from django_eliza_sessions.models import Agent, Message, Reply
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services.lifecycle import end_session
from tests.api.shapes import error_of
from tests.conftest import BASE, minutes
from tests.services.race import together, wait_until

HELLO = {"content": "Hello", "transport": "http"}
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clock")]


@pytest.fixture
def place(session):
    return f"/{session.pk}/messages"


def script(agent, **options):
    agent.backend_options = options
    agent.save()


class TestState:
    def test_of_a_complete_one(self, api, agent, clock, place):
        script(agent, text="Hi.", thought="Hm.")
        sent = api.post(place, HELLO).json()

        state = api.get(f"{place}/{sent['id']}/reply").json()

        answer = Message.objects.get(is_agent=True)
        assert state == {
            "id": str(answer.pk),
            "userMessageId": sent["id"],
            "status": "complete",
            "createdAt": "2026-01-01T12:00:00.000Z",
            "finishedAt": "2026-01-01T12:00:00.000Z",
            "agentResponse": {"text": "Hi.", "thought": "Hm."},
        }

    def test_of_one_under_way(self, api, prompter, place):
        sent = api.post(place, {"content": "Hello"}).json()

        state = api.get(f"{place}/{sent['id']}/reply").json()

        assert state["status"] in ("queued", "running")
        assert state.keys() == {"id", "userMessageId", "status", "createdAt"}
        prompter.finish("Over.", input_tokens=3)
        wait_until(lambda: Reply.objects.get().is_finished, "the reply")
        state = api.get(f"{place}/{sent['id']}/reply").json()
        assert state["usage"] == {"inputTokens": 3, "outputTokens": None}

    def test_of_one_under_way_has_what_was_said(
        self, api, prompter, place, django_assert_num_queries
    ):
        sent = api.post(place, {"content": "Hello"}).json()
        for count, word in enumerate(["Hel", "lo"], 1):
            prompter.say(word)
            wait_until(lambda count=count: Reply.objects.get().chunk_count == count, word)

        # Session, audit (it is somebody else's), reply with message, chunks.
        with django_assert_num_queries(4):
            state = api.get(f"{place}/{sent['id']}/reply").json()

        assert state["status"] == "running"
        assert state["agentResponse"] == {"text": "Hello", "incomplete": True}
        prompter.finish()
        wait_until(lambda: Reply.objects.get().is_finished, "the reply")
        state = api.get(f"{place}/{sent['id']}/reply").json()
        assert state["agentResponse"] == {"text": "Hello"}

    def test_of_a_failed_one(self, api, agent, place, caplog):
        script(agent, chunks=["Hel"], error="secret")
        api.post(place, {"content": "Hello"})
        wait_until(lambda: Reply.objects.get().is_finished, "the reply")

        response = api.get(f"{place}/{Message.objects.get(is_agent=False).pk}/reply")

        state = response.json()
        assert state["status"] == "failed"
        assert state["error"]["code"] == "MESSAGE_SEND_FAILED"
        assert state["agentResponse"] == {"text": "Hel", "incomplete": True}
        assert b"secret" not in response.content

    @pytest.mark.parametrize("message", ["x", str(uuid.UUID(int=0)), "%00"])
    def test_of_no_message(self, api, place, message):
        error_of(api.get(f"{place}/{message}/reply"), 404, "NotFoundError")

    def test_of_the_agents_message(self, api, place):
        api.post(place, HELLO)
        answer = Message.objects.get(is_agent=True)
        error_of(api.get(f"{place}/{answer.pk}/reply"), 404, "NotFoundError")

    def test_in_a_session_that_is_over(self, api, clock, session, place):
        sent = api.post(place, HELLO).json()
        clock.shift(minutes(30))
        error_of(api.get(f"{place}/{sent['id']}/reply"), 410, "SessionExpiredError")
        end_session(principal=SYSTEM, session_id=session.pk)
        error_of(api.get(f"{place}/{sent['id']}/reply"), 404, "SessionNotFoundError")

    def test_of_a_stranger(self, login, closed_door, agent):
        alice, bob = login("alice"), login("bob")
        body = {"agentId": str(agent.pk), "userId": alice.user_id}
        place = f"/{alice.post('', body).json()['sessionId']}/messages"
        message = alice.post(place, HELLO).json()["id"]
        assert alice.get(f"{place}/{message}/reply").status_code == 200
        error_of(bob.get(f"{place}/{message}/reply"), 404, "SessionNotFoundError")
        error_of(bob.post(f"{place}/{message}/cancel"), 404, "SessionNotFoundError")

    def test_needs_this_many_queries(self, api, place, django_assert_num_queries):
        sent = api.post(place, HELLO).json()
        # Session, audit (it is somebody else's), reply with message, answer.
        with django_assert_num_queries(4):
            api.get(f"{place}/{sent['id']}/reply")


class TestWaitThatIsOver:
    def test_is_a_202_and_the_reply_still_comes(self, api, prompter, configure, place):
        configure(HTTP_WAIT_SECONDS=1)

        response = api.post(place, HELLO)

        assert response.status_code == 202
        sent = response.json()
        assert "agentResponse" not in sent
        assert response["Location"] == f"{BASE}{place}/{sent['id']}/reply"
        assert sent["data"]["userMessage"]["id"] == sent["id"]
        path = response["Location"].removeprefix(BASE)
        assert api.get(path).json()["status"] == "running"
        prompter.finish("At last.")
        wait_until(lambda: Reply.objects.get().is_finished, "the reply")
        assert api.get(path).json()["agentResponse"] == {"text": "At last."}

    def test_leaves_one_that_waits_for_its_turn_to_a_job(
        self, api, prompter, configure, place
    ):
        configure(HTTP_WAIT_SECONDS=1)
        for _ in range(2):
            assert api.post(place, HELLO).status_code == 202
        prompter.finish("One.")
        prompter.finish("Two.")
        wait_until(lambda: Message.objects.filter(is_agent=True).count() == 2, "both")


class TestBusyAgent:
    def policy(self, agent, when_busy):
        agent.when_busy = when_busy
        agent.save()

    def begin(self, api, prompter, place):
        """Send a message whose reply stops in the middle; return its id."""
        sent = api.post(place, {"content": "First"}).json()
        prompter.say("Hel")
        wait_until(lambda: Reply.objects.get().chunk_count, "the first word")
        return sent["id"]

    def test_answers_one_after_the_other(self, api, agent, prompter, place):
        self.begin(api, prompter, place)
        second, third = (api.post(place, {"content": x}).json()["id"] for x in "23")
        assert api.get(f"{place}/{second}/reply").json()["status"] == "queued"
        prompter.finish()
        prompter.finish("Two.")
        prompter.finish("Three.")
        wait_until(lambda: not Reply.objects.unfinished().exists(), "the replies")

        replies = [api.get(f"{place}/{m}/reply").json() for m in (second, third)]
        assert [r["agentResponse"]["text"] for r in replies] == ["Two.", "Three."]

    def test_may_refuse(self, api, agent, prompter, place):
        self.policy(agent, Agent.WhenBusy.REJECT)
        self.begin(api, prompter, place)

        for transport in ("http", "sse", "websocket"):
            response = api.post(place, {"content": "Second", "transport": transport})
            error = error_of(response, 409, "ReplyInProgressError")
            assert error["code"] == "REPLY_IN_PROGRESS"

        assert Message.objects.count() == 1
        prompter.finish()
        wait_until(lambda: Reply.objects.get().is_finished, "the reply")
        prompter.finish("Now.")
        assert api.post(place, HELLO).status_code == 201

    def test_that_refuses_takes_one_of_many_at_once(self, api, agent, prompter, place):
        self.policy(agent, Agent.WhenBusy.REJECT)

        results = together([lambda: api.post(place, {"content": "Hello"}).status_code] * 8)

        assert sorted(results) == [201] + [409] * 7
        prompter.finish("Over.")
        wait_until(lambda: Reply.objects.get().is_finished, "the reply")

    def test_may_be_interrupted(self, api, agent, prompter, place):
        self.policy(agent, Agent.WhenBusy.INTERRUPT)
        first = self.begin(api, prompter, place)

        second = api.post(place, {"content": "Wait!"}).json()["id"]

        state = api.get(f"{place}/{first}/reply").json()
        assert state["status"] == "cancelled"
        assert state["error"]["code"] == "REPLY_INTERRUPTED"
        assert state["agentResponse"] == {"text": "Hel", "incomplete": True}
        prompter.wait_for_silence()
        prompter.finish("Yes?")
        wait_until(lambda: not Reply.objects.unfinished().exists(), "the reply")
        history = api.get(place).json()["messages"]
        assert [m["content"] for m in history] == ["Yes?", "Wait!", "Hel", "First"]
        assert [m["metadata"] for m in history] == [{}, {}, {"incomplete": True}, {}]
        state = api.get(f"{place}/{second}/reply").json()
        assert state["agentResponse"] == {"text": "Yes?"}
