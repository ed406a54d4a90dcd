"""The doctor, whatever the patient says."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from django_eliza_sessions.backends import ReplyRequest
from example_project.backends import ElizaBackend, SlowBackend


def request(content: str, **options: object) -> ReplyRequest:
    return ReplyRequest(
        agent_id=uuid4(),
        agent_name="Eliza",
        session_id=uuid4(),
        user_id=uuid4(),
        message_id=uuid4(),
        content=content,
        metadata={},
        attachments=(),
        history=(),
        options=options,
    )


def reply(content: str) -> str:
    return ElizaBackend({}).reply(request(content)).text


def test_turns_the_patient_s_words_around():
    assert "your cat" in reply("I need my cat.")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("I need 100%", id="percent sign"),
        pytest.param("I need %1", id="nltk's own placeholder"),
        pytest.param("I need %9", id="placeholder that is none"),
        pytest.param("I need your\u017f", id="long s"),
        pytest.param("I need \u0131", id="dotless i"),
        pytest.param("I need \u0130", id="dotted capital i"),
        pytest.param("\n\nI need\nlines\n", id="lines"),
        pytest.param("...", id="only stops"),
        pytest.param("!" * 4000, id="as long as may be"),
        pytest.param("i am " * 800, id="long, with much to turn around"),
        pytest.param("\U0001f642", id="emoji"),
    ],
)
@pytest.mark.parametrize("_again", range(10))  # it picks its answers at random
def test_always_has_an_answer(content, _again):
    assert reply(content).strip()


def test_serves_many_threads():
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(reply, ["I need help"] * 100))


def test_slow_one_answers_too():
    assert SlowBackend({}).reply(request("Hello", seconds=0)).text
