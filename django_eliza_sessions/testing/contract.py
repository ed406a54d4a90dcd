"""What every backend must keep, as tests to inherit. Needs pytest."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar

from django_eliza_sessions.backends.base import (
    AgentBackend,
    AgentReply,
    ReplyRequest,
    Turn,
)

THREADS = 8


class BackendContract(ABC):
    """Tests of a backend; subclass it in a test module, as ``TestMyBackend``."""

    #: What an agent of the backend has for options.
    agent_options: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def make_backend(self) -> AgentBackend:
        """Return a backend that is ready to answer."""

    def make_request(self, content: str = "Hello, how are you?") -> ReplyRequest:
        """Return the second message of a new session."""
        return ReplyRequest(
            agent_id=uuid.uuid4(),
            agent_name="Eliza",
            session_id=uuid.uuid4(),
            user_id=uuid.uuid4(),
            message_id=uuid.uuid4(),
            content=content,
            metadata={},
            attachments=(),
            history=(
                Turn(is_agent=False, content="Hi."),
                Turn(is_agent=True, content="Good mor", is_incomplete=True),
            ),
            options=self.agent_options,
        )

    def test_replies_with_text_that_can_be_stored(self) -> None:
        """No transcript can hold NUL or lone surrogates, and nobody wants an empty one."""
        answer = self.make_backend().reply(self.make_request())

        assert isinstance(answer, AgentReply)
        assert answer.text
        for text in (answer.text, answer.thought or "", *answer.actions):
            assert "\0" not in text
            text.encode()

    def test_counts_tokens_or_does_not_know(self) -> None:
        """Zero would be taken for a count."""
        answer = self.make_backend().reply(self.make_request())

        assert answer.input_tokens is None or answer.input_tokens > 0
        assert answer.output_tokens is None or answer.output_tokens > 0

    def test_streams_texts_and_then_the_whole(self) -> None:
        """Who followed the stream has read what is stored."""
        *texts, answer = self.make_backend().stream(self.make_request())

        assert isinstance(answer, AgentReply)
        assert all(isinstance(text, str) for text in texts)
        assert not texts or "".join(map(str, texts)) == answer.text

    def test_stops_once_nobody_wants_the_answer(self) -> None:
        """At most one piece was on its way when the request was cancelled."""
        request = self.make_request()
        pieces = self.make_backend().stream(request)

        next(pieces)
        request.cancelled.set()

        assert len(list(pieces)) <= 1

    def test_answers_in_many_threads_at_once(self) -> None:
        """One instance serves the whole process."""
        backend = self.make_backend()
        requests = [self.make_request(f"I am number {i}.") for i in range(3 * THREADS)]

        with ThreadPoolExecutor(THREADS) as threads:
            endings = list(threads.map(lambda r: list(backend.stream(r))[-1], requests))

        assert all(isinstance(ending, AgentReply) for ending in endings)

    def test_answers_a_first_message(self) -> None:
        """There is no history then."""
        request = replace(self.make_request(), history=())

        assert self.make_backend().reply(request).text

    def test_finds_no_fault_with_itself(self) -> None:
        """System checks would refuse to start."""
        assert self.make_backend().check() == []

    def test_wants_a_bounded_history(self) -> None:
        """A session may have thousands of messages."""
        limit = self.make_backend().history_limit

        assert 0 <= limit <= 1000
