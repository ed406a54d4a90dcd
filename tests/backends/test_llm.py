"""A language model answers, offline and over HTTP."""

import sys
from concurrent.futures import CancelledError
from threading import Event
from typing import Any

import pytest
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelServerError,
    UserError,
)
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models.function import DeltaThinkingPart, FunctionModel

from django_eliza_sessions.backends import AgentReply, Turn
from django_eliza_sessions.backends.llm import LLMBackend
from tests.backends.loopback import (
    babble_after,
    break_off_after,
    fall_silent_after,
    keep_silent,
    refuse,
    say,
)
from tests.backends.requests import request


class HeardBackend(LLMBackend):
    """Has a model that answers offline, and remembers what it was told."""

    async def answer(self, messages, info):
        self.messages, self.settings = messages, info.model_settings
        yield {0: DeltaThinkingPart(content="A greeting.")}
        yield "Good "
        yield "morning."

    def make_model(self, name):
        self.name = name
        return FunctionModel(stream_function=self.answer)

    def told(self) -> list[tuple[bool, str]]:
        return [
            (isinstance(message, ModelResponse), message.parts[0].content)
            for message in self.messages
        ]


@pytest.fixture
def ask(server):
    """Stream the answer of a model behind HTTP; give any option."""

    def stream(options: Any = (), /, **fields: Any) -> list[str | AgentReply]:
        account = {"model": "openai-chat:m", "base_url": f"{server.url}/v1"}
        return LLMBackend({**account, **dict(options)}).stream(request(**fields))

    return stream


def hear(options: Any = (), /, **fields: Any) -> HeardBackend:
    backend = HeardBackend({"model": "any:model", **dict(options)})
    backend.reply(request(**fields))
    return backend


# -- What the model is told ----------------------------------------------------------

CONVERSATION = (
    Turn(is_agent=False, content="One"),
    Turn(is_agent=True, content="Two"),
    Turn(is_agent=False, content="Three"),
    Turn(is_agent=True, content="Fou", is_incomplete=True),
)


def test_tells_the_conversation_without_what_was_cut_short():
    backend = hear(content="Hello", history=CONVERSATION)

    assert backend.told() == [
        (False, "One"),
        (True, "Two"),
        (False, "Three"),
        (False, "Hello"),
    ]


def test_tells_what_was_cut_short_if_wanted():
    backend = hear({"history_incomplete": True}, content="Hello", history=CONVERSATION)

    assert (True, "Fou") in backend.told()


@pytest.mark.parametrize(
    ("characters", "told"),
    [
        pytest.param(0, ["Hello"], id="none"),
        pytest.param(7, ["Three", "Hello"], id="part of a turn"),
        pytest.param(8, ["Three", "Hello"], id="the user speaks first"),
        pytest.param(11, ["One", "Two", "Three", "Hello"], id="all"),
    ],
)
def test_tells_the_newest_that_fit(characters, told):
    options = {"history_characters": characters}

    backend = hear(options, content="Hello", history=CONVERSATION)

    assert [text for _is_agent, text in backend.told()] == told


def test_history_is_bounded_by_messages():
    assert LLMBackend({"history_messages": 4}).history_limit == 4


def test_gives_instructions_and_settings():
    backend = hear({"instructions": "Be brief.", "temperature": 0, "max_tokens": 50})

    assert backend.messages[-1].instructions == "Be brief."
    assert backend.settings["temperature"] == 0
    assert backend.settings["max_tokens"] == 50


def test_leaves_to_the_model_what_is_not_set():
    assert hear().settings.keys() == {"max_retries", "request_timeout"}


def test_agent_has_a_voice_of_its_own():
    own = {"model": "bigger", "instructions": "Be kind.", "temperature": 1}

    backend = hear({"instructions": "Be brief.", "temperature": 0}, options=own)

    assert backend.name == "any:bigger"
    assert backend.messages[-1].instructions == "Be kind."
    assert backend.settings["temperature"] == 1


def test_agent_cannot_take_the_key_to_another_provider():
    assert hear(options={"model": "other:model"}).name == "any:other:model"
    assert hear(options={"model": "any:bigger"}).name == "any:bigger"


@pytest.mark.parametrize("option", ["api_key", "api_key_env", "base_url", "timeout"])
def test_agent_cannot_set_everything(option):
    with pytest.raises(ValueError, match=f"may not set {option}, only") as error:
        hear(options={option: "secret"})

    assert "secret" not in str(error.value)


# -- What it says --------------------------------------------------------------------


def test_says_what_the_model_says():
    *texts, whole = HeardBackend({"model": "any:model"}).stream(request())

    assert texts == ["Good ", "morning."]
    assert (whole.text, whole.thought) == ("Good morning.", "A greeting.")


def test_passes_tokens_on_in_order_and_counts_them(server, ask):
    server.will(say("I", " am", "", " \U0001f642"))

    assert list(ask(content="Hello")) == [
        "I",
        " am",
        " \U0001f642",
        AgentReply(text="I am \U0001f642", input_tokens=11, output_tokens=7),
    ]
    path, _headers, body = server.requests[0]
    assert path == "/v1/chat/completions"
    assert body["model"] == "m"
    assert body["messages"] == [{"role": "user", "content": "Hello"}]


def test_tokens_do_not_wait_for_each_other(server, ask):
    server.will(fall_silent_after("First"))
    pieces = ask()

    assert next(pieces) == "First"
    assert not server.hung_up.is_set()
    pieces.close()


def test_model_that_says_nothing(server, ask):
    server.will(say())

    with pytest.raises(ValueError, match="The model said nothing: stop"):
        list(ask())


def test_each_reply_closes_its_connection(server, ask):
    server.will(say("Once"))

    for _ in range(3):  # an event loop that is gone must not be met again
        assert next(ask()) == "Once"


# -- The key -------------------------------------------------------------------------


def test_key_comes_from_the_environment(server, ask, monkeypatch):
    monkeypatch.setenv("MODEL_KEY", "from environment")
    server.will(say("Hi"))

    list(ask({"api_key_env": "MODEL_KEY"}))

    assert server.requests[0][1]["Authorization"] == "Bearer from environment"


def test_key_comes_from_the_settings(server, ask, settings):
    settings.MODEL_KEY = "from settings"
    server.will(say("Hi"))

    list(ask({"api_key_env": "MODEL_KEY"}))

    assert server.requests[0][1]["Authorization"] == "Bearer from settings"


def test_provider_finds_its_own_key(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "usual")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    server.will(say("Hi"))

    assert LLMBackend({"model": "openai-chat:m"}).reply(request()).text == "Hi"
    assert server.requests[0][1]["Authorization"] == "Bearer usual"


# -- When it goes wrong --------------------------------------------------------------


def test_tries_again_when_it_may(server, ask):
    server.will(refuse(429, Retry_After="0.01"), say("Hi"))

    assert [*ask()][-1].text == "Hi"
    assert len(server.requests) == 2


def test_does_not_try_again_sooner_than_it_may(server, ask):
    server.will(refuse(429, Retry_After="86400"))

    with pytest.raises(ModelRateLimitError):
        list(ask())
    assert len(server.requests) == 1


def test_gives_up_after_some_retries(server, ask):
    server.will(refuse(500, Retry_After="0.01"))

    with pytest.raises(ModelServerError, match="500"):
        list(ask({"retries": 3}))
    assert len(server.requests) == 4


def test_does_not_try_again_what_cannot_help(server, ask):
    server.will(refuse(401))

    with pytest.raises(ModelAuthenticationError):
        list(ask())
    assert len(server.requests) == 1


@pytest.mark.parametrize("end", [break_off_after, babble_after])
def test_stream_that_breaks_is_not_an_answer(server, ask, end):
    server.will(end("Hel"), say("Something else"))
    pieces = ask()

    assert next(pieces) == "Hel"
    with pytest.raises(ModelAPIError):
        list(pieces)
    assert len(server.requests) == 1


@pytest.mark.parametrize("silence", [keep_silent, fall_silent_after("Hel")])
def test_waits_no_longer_than_it_may(server, ask, silence):
    server.will(silence)

    with pytest.raises(ModelRequestTimeout):
        list(ask({"timeout": 0.2}))
    assert server.hung_up.wait(20)


def test_nobody_listens(server):
    nowhere = {"model": "openai-chat:m", "base_url": f"{server.url}/v1", "retries": 0}
    server.server_close()

    with pytest.raises(ModelConnectionError):
        LLMBackend(nowhere).reply(request())


def test_unknown_provider():
    with pytest.raises(UserError, match="Unknown model: nobody:model"):
        LLMBackend({"model": "nobody:model"}).reply(request())


# -- When nobody wants it any more ---------------------------------------------------


def test_stop_closes_the_connection(server, ask):
    server.will(fall_silent_after("Hel"))
    cancelled = Event()
    pieces = ask(cancelled=cancelled)
    assert next(pieces) == "Hel"

    cancelled.set()

    assert list(pieces) == []
    assert server.hung_up.wait(20)


def test_stop_before_the_first_word_closes_the_connection(server, ask):
    cancelled = Event()

    def keep_silent_and_stop(handler):
        cancelled.set()
        keep_silent(handler)

    server.will(keep_silent_and_stop)

    assert list(ask(cancelled=cancelled)) == []
    assert server.hung_up.wait(20)


def test_stopped_reply_is_no_answer():
    cancelled = Event()
    cancelled.set()

    with pytest.raises(CancelledError):
        LLMBackend({"model": "test"}).reply(request(cancelled=cancelled))


# -- System checks -------------------------------------------------------------------


def test_finds_nothing_wrong(monkeypatch):
    monkeypatch.setenv("MODEL_KEY", "secret")
    options = {"model": "openai:gpt-5-mini", "api_key_env": "MODEL_KEY"}

    assert LLMBackend(options).check() == []


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ("openai:gpt-5-mini", "Set the `OPENAI_API_KEY` environment variable"),
        ("nobody:x", "nobody"),
        ("anthropic:claude-sonnet-4-5", "pydantic-ai-slim[anthropic]"),
    ],
    ids=["no key", "unknown provider", "its package is missing"],
)
def test_names_what_the_model_lacks(monkeypatch, model, problem):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setitem(sys.modules, "anthropic", None)

    [found] = LLMBackend({"model": model}).check()

    assert found.startswith(f"The model {model} cannot be used: ")
    assert problem in found


def test_local_server_needs_no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    options = {"model": "openai-chat:qwen3", "base_url": "http://localhost:8000/v1"}

    assert LLMBackend(options).check() == []


def test_names_the_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)

    [found] = LLMBackend({"model": "test"}).check()

    assert found == (
        "pydantic_ai is not installed: pip install 'django-eliza-sessions[llm]'."
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"model": None}, 'OPTIONS needs a model, such as "openai:gpt-5-mini".'),
        ({"model": "gpt"}, 'OPTIONS needs a model, such as "openai:gpt-5-mini".'),
        ({"api_key": "secret"}, "OPTIONS must not hold an api_key: put it into an"),
        ({"modle": "x"}, "OPTIONS has no use for modle; it takes api_key_env, base_url"),
        ({"api_key_env": "NOWHERE"}, "Neither a Django setting nor an environment"),
        ({"timeout": -1}, "timeout must be a number, and not below 0."),
        ({"history_messages": "9"}, "history_messages must be a number, and not below 0."),
    ],
)
def test_finds_what_is_wrong(options, problem):
    [found] = LLMBackend({"model": "test", **options}).check()

    assert found.startswith(problem)
    assert "secret" not in found
