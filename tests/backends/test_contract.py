"""Every backend of ours keeps the contract that is shipped for others."""

import pytest

from django_eliza_sessions.backends import AgentReply
from django_eliza_sessions.backends.echo import EchoBackend
from django_eliza_sessions.backends.eliza_server import ElizaServerBackend
from django_eliza_sessions.backends.llm import LLMBackend
from django_eliza_sessions.testing.backends import ScriptedBackend
from django_eliza_sessions.testing.contract import BackendContract
from example_project.backends import ElizaBackend
from tests.backends.loopback import Server, answer, say
from tests.backends.test_eliza_server import ANSWER


class TestEcho(BackendContract):
    def make_backend(self):
        return EchoBackend({})


class TestScripted(BackendContract):
    agent_options = {"chunks": ["One, ", "two, ", "three, ", "four."]}

    def make_backend(self):
        return ScriptedBackend({})


class TestEliza(BackendContract):
    def make_backend(self):
        return ElizaBackend({})


class TestOfflineLLM(BackendContract):
    def make_backend(self):
        return LLMBackend({"model": "test"})


class TestLLM(BackendContract):
    @pytest.fixture(autouse=True)
    def serve(self, server: Server) -> None:
        self.url = f"{server.url}/v1"
        server.will(say(*"I am fine, thank you."))

    def make_backend(self):
        return LLMBackend({"model": "openai-chat:m", "base_url": self.url})


class TestElizaServer(BackendContract):
    @pytest.fixture(autouse=True)
    def serve(self, server: Server) -> None:
        server.will(answer(ANSWER, 201))
        self.backend = ElizaServerBackend({"base_url": server.url})
        yield
        self.backend.client.close()

    def make_backend(self):
        return self.backend


class TestWhatItFinds:
    """A backend that breaks the rules is caught."""

    @pytest.mark.parametrize(
        ("test", "pieces"),
        [
            pytest.param("streams_texts_and_then_the_whole", ["A", "B"], id="no end"),
            pytest.param(
                "streams_texts_and_then_the_whole", ["A", AgentReply(text="B")], id="other"
            ),
            pytest.param(
                "stops_once_nobody_wants_the_answer", ["A", "B", "C"], id="goes on"
            ),
            pytest.param(
                "replies_with_text_that_can_be_stored", [AgentReply(text="\0")], id="NUL"
            ),
            pytest.param(
                "counts_tokens_or_does_not_know",
                [AgentReply(text="A", input_tokens=0)],
                id="no tokens",
            ),
        ],
    )
    def test_broken_rule(self, test, pieces):
        class Broken(EchoBackend):
            def stream(self, request):
                yield from pieces

            def reply(self, request):
                return pieces[-1]

        class Contract(BackendContract):
            def make_backend(self):
                return Broken({})

        with pytest.raises(AssertionError):
            getattr(Contract(), f"test_{test}")()
