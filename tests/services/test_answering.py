"""Answering messages: what the backend is asked, what it says, and when it does not."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from django_eliza_sessions import signals
from django_eliza_sessions.backends import AgentBackend, AgentReply
from django_eliza_sessions.exceptions import (
    MessageSendError,
    SessionExpiredError,
    SessionNotFoundError,
)
from django_eliza_sessions.models import Message, Reply
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import answering
from django_eliza_sessions.services.answering import (
    answer_reply,
    answer_reply_within,
    dispatch_to_thread,
)
from django_eliza_sessions.services.holding import complete_reply, take_reply
from django_eliza_sessions.services.lifecycle import end_session, expire_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.replies import (
    cancel_reply,
    recover_replies,
)
from django_eliza_sessions.testing.backends import ScriptedBackend
from tests.conftest import NOON, minutes
from tests.prompted import PromptedBackend
from tests.services.faults import refuse_inserts
from tests.services.race import meanwhile, wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("handed_out")]
Status = Reply.Status


def send(session, content="Hello", **arguments):
    """Send a message that nobody answers yet; return its reply."""
    return send_message(
        principal=SYSTEM, session_id=session.pk, content=content, **arguments
    ).reply


def script(agent, **options):
    agent.backend_options = options
    agent.save()


def answer(reply):
    return answer_reply(reply_id=reply.pk)


def answers():
    messages = Message.objects.filter(is_agent=True).order_by("created_at")
    return list(messages.values_list("content", flat=True))


def chunks(reply):
    return list(reply.chunks.order_by("index").values_list("text", flat=True))


class TestAnswering:
    def test_completes_the_reply(self, session, agent, clock):
        reply = send(session)
        clock.shift(minutes(1))

        message = answer(reply)

        reply.refresh_from_db()
        assert message == Message.objects.get(is_agent=True)
        assert message.pk == reply.answer_id
        assert message.content == "Scripted."
        assert reply.status == Status.COMPLETE
        assert reply.attempts == 1
        assert reply.started_at == reply.finished_at == NOON + minutes(1)

    def test_twice_is_harmless(self, session):
        reply = send(session)

        assert answer(reply) is not None
        assert answer(reply) is None
        assert answers() == ["Scripted."]

    def test_a_reply_deleted_meanwhile_is_none(self, session):
        reply = send(session)
        Reply.objects.filter(pk=reply.pk).delete()

        assert answering.answer_reply(reply_id=reply.pk) is None

    def test_leaves_a_held_reply_to_its_holder(self, session):
        reply = take_reply(send(session).pk)

        assert answer(reply) is None
        assert ScriptedBackend.requests == []

    def test_that_could_not_be_stored_is_tried_again(self, session, clock, caplog):
        reply = send(session)
        with connection.execute_wrapper(refuse_inserts):
            assert answer(reply) is None
        assert "could not be stored" in caplog.text
        clock.shift(minutes(1))
        assert recover_replies() == 1

        assert answer(reply) is not None
        assert answers() == ["Scripted."]

    @pytest.mark.parametrize("over", ["expired", "ended"])
    def test_asks_nobody_when_the_session_is_over(self, session, clock, over):
        reply = send(session)
        if over == "ended":
            end_session(principal=SYSTEM, session_id=session.pk)
        else:
            clock.shift(minutes(60))

        assert answer(reply) is None
        assert ScriptedBackend.requests == []

    def test_every_message_gets_its_own_in_order(self, session, agent):
        waiting = [send(session, content) for content in "abc"]
        agent.backend = "default"
        agent.save()

        assert [answer(reply) for reply in reversed(waiting)][:2] == [None, None]
        assert [answer(reply).content for reply in waiting[1:]] == ["b", "c"]
        assert answers() == ["a", "b", "c"]

    def test_in_one_piece_makes_no_chunks(self, session):
        reply = send(session)
        answer(reply)
        assert chunks(reply) == []

    def test_query_count(self, session, made_backend, django_assert_num_queries):
        reply = send(session)

        # Taking it: savepoint, update and what it is about and the history at once (or one
        # after the other), release. Completing it: savepoint, all at once, release (or
        # savepoint, session, session, answer, events, reply, the next one, release).
        with django_assert_num_queries(6 if connection.vendor == "postgresql" else 13):
            answer(reply)


class TestStreaming:
    def test_stores_what_is_said_as_it_is_said(self, session, agent):
        script(agent, chunks=["Hel", "lo ", "you"], delay=0.1, thought="Hm.")
        reply = send(session)

        message = answer(reply)

        reply.refresh_from_db()
        assert chunks(reply) == ["Hel", "lo ", "you"]
        assert reply.chunk_count == 3
        assert message.content == "Hello you"
        assert message.metadata == {"thought": "Hm."}

    def test_batches_what_comes_fast(self, session, agent):
        script(agent, chunks=["x"] * 500)
        reply = send(session)

        assert answer(reply).content == "x" * 500
        assert "".join(chunks(reply)) == "x" * 500
        assert len(chunks(reply)) < 100

    def test_is_what_was_told_whatever_the_reply_says_in_the_end(self, session, agent):
        script(agent, chunks=["Hello"], text="Something else")

        assert answer(send(session)).content == "Hello"

    def test_keeps_all_that_was_said_before_a_failure(self, session, agent, caplog):
        script(agent, chunks=["Hel", "lo", "!"], error_after=2, error="no tokens")
        reply = send(session)

        assert answer(reply) is None

        reply.refresh_from_db()
        assert reply.status == Status.FAILED
        assert reply.error == "RuntimeError: no tokens"
        assert "".join(chunks(reply)) == "Hello"
        message = Message.objects.get(is_agent=True)
        assert (message.content, message.metadata) == ("Hello", {"incomplete": True})

    @pytest.mark.parametrize("piece", ["a\x00b", "\ud800"])
    def test_refuses_what_cannot_be_stored(self, session, prompter, caplog, piece):
        prompter.say("Hello", piece)
        reply = send(session)

        assert answer(reply) is None

        reply.refresh_from_db()
        assert reply.status == Status.FAILED
        assert answers() == ["Hello"]
        prompter.wait_for_silence()

    def test_without_an_end_fails(self, session, agent, caplog):
        agent.backend = "endless"
        agent.save()
        reply = send(session)

        assert answer(reply) is None

        reply.refresh_from_db()
        assert "without a reply" in reply.error

    def test_ends_with_the_reply(self, session, agent):
        agent.backend = "talkative"
        agent.save()

        assert answer(send(session)).content == "That is all."
        assert TalkativeBackend.went_on is False


class TestRequest:
    def test_carries_the_message(self, session, agent):
        script(agent, text="Hi.")
        image = {"type": "image", "url": "https://example.com/cat.png"}
        reply = send(session, "Look!", metadata={"a": 1}, attachments=[image])

        answer(reply)

        [request] = ScriptedBackend.requests
        assert request.agent_id == agent.pk
        assert request.agent_name == agent.name
        assert request.session_id == session.pk
        assert request.user_id == session.user_id
        assert request.message_id == reply.message_id
        assert request.content == "Look!"
        assert request.metadata == {"a": 1}
        assert request.attachments == (image,)
        assert request.history == ()
        assert request.options == {"text": "Hi."}

    def history(self):
        return [(t.is_agent, t.content) for t in ScriptedBackend.requests[-1].history]

    def test_history_is_what_came_before_oldest_first(self, session):
        answer(send(session, "one"))
        reply = send(session, "two")
        send(session, "three")

        answer(reply)

        assert self.history() == [(False, "one"), (True, "Scripted.")]

    def test_history_of_one_that_waited_has_the_answers_before_it(self, session):
        waiting = [send(session, content) for content in ("one", "two", "three")]

        for reply in waiting:
            answer(reply)

        said = self.history()
        assert [text for is_agent, text in said if not is_agent] == ["one", "two"]
        assert [text for is_agent, text in said if is_agent] == ["Scripted."] * 2

    def test_history_is_limited_to_the_latest(self, session, monkeypatch):
        monkeypatch.setattr(ScriptedBackend, "history_limit", 2)
        waiting = [send(session, content) for content in "ab"]
        for reply in waiting:
            answer(reply)

        answer(send(session, "c"))

        assert self.history() == [(True, "Scripted.")] * 2

    def test_no_query_where_no_history_is_wanted(
        self, session, agent, django_assert_num_queries
    ):
        agent.backend = "default"
        agent.save()
        reply = send(session, "Echo!")

        with django_assert_num_queries(6 if connection.vendor == "postgresql" else 12):
            assert answer(reply).content == "Echo!"


class TestFailing:
    def fail(self, session, caplog):
        reply = send(session)
        assert answer(reply) is None
        reply.refresh_from_db()
        assert reply.status == Status.FAILED
        assert reply.finished_at == NOON
        assert answers() == []
        assert caplog.records
        caplog.clear()
        return reply

    def test_keeps_the_reason_for_the_operator(self, session, agent, caplog):
        script(agent, error="no model")

        assert self.fail(session, caplog).error == "RuntimeError: no model"

    def test_wanting_to_exit_is_a_failure_too(self, session, agent, caplog):
        agent.backend = "exiting"
        agent.save()

        assert "SystemExit('enough')" in self.fail(session, caplog).error

    def test_database_error_of_the_backend_is_not_taken_for_ours(
        self, session, caplog, prompter
    ):
        PromptedBackend.lines.put(OperationalError("their database"))

        assert self.fail(session, caplog).error == "OperationalError: their database"

    def test_is_final(self, session, agent, caplog, handed_out, clock):
        script(agent, error="no model")
        reply = self.fail(session, caplog)
        clock.shift(minutes(20))

        assert recover_replies() == 0
        assert answer(reply) is None
        assert handed_out == []

    def test_announces(
        self, session, agent, caplog, received, django_capture_on_commit_callbacks
    ):
        script(agent, error="no model")
        failed = received(signals.reply_failed)

        with django_capture_on_commit_callbacks(execute=True):
            reply = self.fail(session, caplog)

        assert [arguments["reply"] for arguments in failed] == [reply]
        assert failed[0]["reply"].status == Status.FAILED

    @pytest.mark.parametrize(
        "options",
        [
            pytest.param({"text": "a\x00b"}, id="nul-in-text"),
            pytest.param({"text": "a\ud800b"}, id="surrogate-in-text"),
            pytest.param({"text": None}, id="no-text"),
            pytest.param({"thought": "a\x00b"}, id="nul-in-thought"),
            pytest.param({"thought": "a\ud800b"}, id="surrogate-in-thought"),
            pytest.param({"actions": ["a\x00b"]}, id="nul-in-action"),
            pytest.param({"error": "a\x00b"}, id="unstorable-error"),
        ],
    )
    def test_answer_that_cannot_be_stored(self, session, agent, caplog, options):
        # The agent's options could not hold these either, so the class does.
        agent.backend = "unstorable"
        agent.save()
        UnstorableBackend.options_given = options

        self.fail(session, caplog)

    @pytest.mark.parametrize("count", ["many", -1, 2**31, float("nan")])
    def test_count_of_tokens_that_cannot_be_stored(self, session, caplog, prompter, count):
        PromptedBackend.lines.put(AgentReply(text="Hello", input_tokens=count))

        assert "Tokens must be whole" in self.fail(session, caplog).error

    def test_alias_that_is_not_configured(self, session, agent, caplog):
        agent.backend = "gone"
        agent.save()

        assert "No backend 'gone'" in self.fail(session, caplog).error

    def test_options_of_another_type(self, session, agent, caplog):
        agent.backend_options = ["no object"]
        agent.save()

        assert self.fail(session, caplog).error.startswith("AttributeError")


class UnstorableBackend(ScriptedBackend):
    options_given: dict[str, object] = {}

    def reply(self, request):
        return super().reply(replace(request, options=self.options_given))


class TransactionSpy(AgentBackend):
    def reply(self, request):
        return AgentReply(text=f"in transaction: {connection.in_atomic_block}")


class ExitingBackend(ScriptedBackend):
    def stream(self, request):
        raise SystemExit("enough")


class TalkativeBackend(ScriptedBackend):
    went_on = False

    def stream(self, request):
        yield AgentReply(text="That is all.")
        type(self).went_on = True


class EndlessBackend(ScriptedBackend):
    def stream(self, request):
        return iter(())


@pytest.fixture(autouse=True)
def more_backends(configure, settings):
    names = {
        "unstorable": UnstorableBackend,
        "spy": TransactionSpy,
        "endless": EndlessBackend,
        "exiting": ExitingBackend,
        "talkative": TalkativeBackend,
    }
    configure(
        BACKENDS=settings.ELIZA_SESSIONS["BACKENDS"]
        | {
            name: {"BACKEND": f"{__name__}.{backend.__name__}"}
            for name, backend in names.items()
        }
    )


class TestTimeLimits:
    """Real seconds: the smallest that the settings allow, and a backend that is silent."""

    @pytest.mark.parametrize(
        ("setting", "said", "error"),
        [
            ("REPLY_FIRST_CHUNK_SECONDS", [], "BackendError: No word for 1 seconds."),
            ("REPLY_TOTAL_SECONDS", [], "BackendError: No end after 1 seconds."),
            ("REPLY_TOTAL_SECONDS", ["Hel"], "BackendError: No end after 1 seconds."),
        ],
    )
    def test_are_kept(self, session, prompter, configure, caplog, setting, said, error):
        configure(**{setting: 1})
        prompter.say(*said)
        reply = send(session)

        assert answer(reply) is None

        reply.refresh_from_db()
        assert (reply.status, reply.error) == (Status.FAILED, error)
        assert answers() == said
        prompter.wait_for_silence()

    def test_first_word_is_enough_for_the_first(self, session, prompter, configure):
        configure(REPLY_FIRST_CHUNK_SECONDS=1, REPLY_TOTAL_SECONDS=2)
        prompter.say("Hel")
        reply = send(session)

        assert answer(reply) is None

        reply.refresh_from_db()
        assert reply.error == "BackendError: No end after 2 seconds."


@pytest.mark.django_db(transaction=True)
class TestStopping:
    """The holder notices while the backend is silent, and tells it."""

    @pytest.mark.parametrize("said", [[], ["Hel"]], ids=["silent", "speaking"])
    def test_cancelled_reply(self, session, prompter, said):
        reply = send(session)
        prompter.say(*said)

        with meanwhile(partial(answer, reply)) as holder:
            wait_until(
                lambda: Reply.objects.filter(
                    status=Status.RUNNING, chunk_count=len(said)
                ).exists(),
                "the holder",
            )
            cancel_reply(
                principal=SYSTEM, session_id=session.pk, message_id=reply.message_id
            )
            assert holder.result(20) is None

        prompter.wait_for_silence()
        assert Reply.objects.get().status == Status.CANCELLED
        assert answers() == said

    def test_expired_session_without_a_sweep(self, session, prompter, clock):
        reply = send(session)
        prompter.say("Hel")

        with meanwhile(partial(answer, reply)) as holder:
            wait_until(lambda: chunks(reply), "the chunk")
            clock.shift(minutes(30))
            assert holder.result(20) is None

        prompter.wait_for_silence()
        assert Reply.objects.get().error_code == "SESSION_EXPIRED"
        assert answers() == ["Hel"]

    def test_reply_in_other_hands(self, session, prompter, clock):
        reply = send(session)

        with meanwhile(partial(answer, reply)) as late:
            wait_until(
                lambda: Reply.objects.filter(status=Status.RUNNING).exists(), "the holder"
            )
            Reply.objects.update(status=Status.QUEUED)
            other = take_reply(reply.pk)
            assert late.result(20) is None
        prompter.wait_for_silence()

        complete_reply(other, AgentReply(text="Mine."))
        assert answers() == ["Mine."]

    def test_lease_is_kept_while_the_backend_is_silent(self, session, prompter, clock):
        reply = send(session)

        with meanwhile(partial(answer, reply)) as holder:
            wait_until(
                lambda: Reply.objects.filter(status=Status.RUNNING).exists(), "the holder"
            )
            for _ in range(3):
                before = Reply.objects.get().lease_until
                clock.shift(minutes(0.2))
                wait_until(
                    lambda before=before: Reply.objects.get().lease_until > before,
                    "the lease to be extended",
                )
                assert recover_replies() == 0
            prompter.finish("At last.")
            assert holder.result(20).content == "At last."


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    yield
    wait_for_threads()


def wait_for_threads():
    """Wait for the replies in the hands of this process."""
    answering._threads().shutdown(wait=True)
    answering._threads.cache_clear()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_threads_left")
class TestWaiting:
    """``http``: whoever took the request answers it, but only waits so long."""

    def test_is_over_and_the_reply_still_comes(self, session, prompter):
        reply = send(session)
        prompter.say("Hel")

        assert answer_reply_within(reply=reply, seconds=0.1) is None

        assert Reply.objects.get().status == Status.RUNNING
        prompter.say("lo")
        prompter.finish()
        wait_until(answers, "the answer")
        assert answers() == ["Hello"]
        assert "".join(chunks(reply)) == "Hello"
        assert Reply.objects.get().attempts == 1

    def test_its_rest_does_not_wait_for_other_replies(
        self, session_factory, prompter, clock, monkeypatch
    ):
        monkeypatch.setattr(answering, "THREADS", 1)
        busy, waited = send(session_factory()), send(session_factory())
        dispatch_to_thread(busy.pk)
        wait_until(lambda: Reply.objects.get(pk=busy.pk).attempts, "the only thread")

        assert answer_reply_within(reply=waited, seconds=0.1) is None

        before = Reply.objects.get(pk=waited.pk).lease_until
        clock.shift(minutes(0.2))
        wait_until(
            lambda: Reply.objects.get(pk=waited.pk).lease_until > before,
            "its lease to be extended",
        )
        for reply in (busy, waited):
            cancel_reply(
                principal=SYSTEM, session_id=reply.session_id, message_id=reply.message_id
            )

    def test_includes_the_wait_for_its_turn(self, session, prompter):
        first, second = take_reply(send(session).pk), send(session)

        assert answer_reply_within(reply=second, seconds=0.1) is None
        second.refresh_from_db()
        assert second.status == Status.QUEUED

        with meanwhile(lambda: answer_reply_within(reply=second, seconds=20)) as own:
            complete_reply(first, AgentReply(text="First."))
            prompter.finish("Second.")
            assert own.result(20).content == "Second."

    def test_ends_when_the_reply_is_cancelled(self, session, prompter):
        first, second = take_reply(send(session).pk), send(session)

        with meanwhile(lambda: answer_reply_within(reply=second, seconds=60)) as own:
            cancel_reply(
                principal=SYSTEM, session_id=session.pk, message_id=second.message_id
            )
            assert own.result(20) is None
        assert first.is_finished is False

    @pytest.mark.parametrize(
        ("over", "error"),
        [("expired", SessionExpiredError), ("ended", SessionNotFoundError)],
    )
    def test_of_a_sender_ends_with_the_session(self, session, prompter, over, error):
        close = {"ended": end_session, "expired": expire_session}[over]
        with meanwhile(
            lambda: send_message(
                principal=SYSTEM, session_id=session.pk, content="Hello", transport="http"
            )
        ) as own:
            wait_until(lambda: Reply.objects.filter(status=Status.RUNNING).exists(), "it")
            close(principal=SYSTEM, session_id=session.pk)
            with pytest.raises(error, match="before it was answered"):
                own.result(20)

    def test_of_a_sender_ends_with_the_failure(self, session, agent, caplog):
        script(agent, chunks=["Hel"], error_after=1)
        with pytest.raises(MessageSendError):
            send(session, transport="http")


def lose_connection(connection, **_arguments):
    """Have a new connection fail at its first statement."""

    def fail(*_arguments):
        raise OperationalError("connection lost")

    connection.execute_wrappers.append(fail)


@pytest.fixture
def pool(transactional_db, monkeypatch):
    """Have this thread's connections come from a pool; return that."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "pool", {"min_size": 1})
    yield connection.pool
    connection.close()
    connection.close_pool()


@pytest.mark.postgresql
@pytest.mark.parametrize("seconds", [0.005, 0.05])
def test_connection_is_lent_while_a_backend_speaks(pool, session, agent, seconds):
    script(agent, chunks=["x"] * 30, delay=seconds)
    reply = send(session)
    before = pool.get_stats()["requests_num"]

    assert answer(reply).content == "x" * 30

    assert pool.get_stats()["requests_num"] > before + 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_threads_left")
class TestThreads:
    def test_answer_on_their_own_in_order(self, session, agent, configure):
        agent.backend = "default"
        agent.save()
        configure(REPLY_DISPATCHER=f"{answering.__name__}.dispatch_to_thread")
        for content in "abc":
            send(session, content)

        wait_until(lambda: len(answers()) == 3, "the answers")

        assert answers() == ["a", "b", "c"]
        assert {reply.status for reply in Reply.objects.all()} == {Status.COMPLETE}

    def test_trouble_is_logged_and_the_reply_stays_due(self, session, caplog):
        reply = send(session)

        connection_created.connect(lose_connection)
        try:
            dispatch_to_thread(reply.pk)
            wait_for_threads()
        finally:
            connection_created.disconnect(lose_connection)

        reply.refresh_from_db()
        assert reply.status == Status.QUEUED
        assert "A reply could not be answered" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("transport", ["http", "websocket"])
def test_no_transaction_is_open_while_the_agent_answers(
    session, agent, handed_out, transport
):
    agent.backend = "spy"
    agent.save()

    send(session, transport=transport)
    for reply_id in handed_out:
        answer_reply(reply_id=reply_id)

    assert answers() == ["in transaction: False"]
