"""Language models: every provider of pydantic-ai, and every OpenAI-compatible server."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from django_eliza_sessions.backends.base import (
    AgentBackend,
    AgentReply,
    ReplyRequest,
    Turn,
)
from django_eliza_sessions.backends.options import check_options, read_key

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models import Model

#: Seconds between looks at whether the answer is still wanted: a stop takes this long.
TICK = 0.1
DEFAULTS: Mapping[str, Any] = {
    "model": None,
    "base_url": None,
    "api_key_env": None,
    "instructions": None,
    "temperature": None,
    "max_tokens": None,
    "history_messages": 20,
    "history_characters": 20_000,
    "history_incomplete": False,
    "timeout": 120,
    "retries": 2,
}
#: What an agent may set for itself; where and with which key is not among it.
AGENT_OPTIONS = {"model", "instructions", "temperature", "max_tokens"}


class LLMBackend(AgentBackend):
    """Asks a language model, and streams what it says.

    pydantic-ai is imported where it is used: that takes a second, which a project that
    only names the class should not.

    Options:
        model: ``provider:name``, as pydantic-ai spells them; "test" needs no network.
        base_url: Where the provider is, unless at its usual place.
        api_key_env: The environment variable or Django setting that holds the key,
            unless it is the provider's usual variable.
        instructions: The system prompt.
        temperature, max_tokens: As the model understands them.
        history_messages, history_characters: How much of the conversation it is told:
            both bounds hold, and the oldest are left out first.
        history_incomplete: Whether that includes answers which were cut short.
        timeout: Seconds for an answer, retries included.
        retries: How often a request is tried again that is refused with a 429 or 5xx or
            not answered at all. The wait doubles, unless the server says how long.

    Agent options:
        model: Another one of the same provider.
        instructions, temperature, max_tokens: Instead of the backend's.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__({**DEFAULTS, **options})
        self.history_limit = self.options["history_messages"]

    def reply(self, request: ReplyRequest) -> AgentReply:
        """Return the whole answer.

        Raises:
            CancelledError: Nobody wants it any more.
        """
        for piece in self.stream(request):
            if isinstance(piece, AgentReply):
                return piece
        raise CancelledError

    def stream(self, request: ReplyRequest) -> Iterator[str | AgentReply]:
        """Yield the answer as the model writes it."""
        # A loop of its own, and with it a client: neither survives the other's end.
        with asyncio.Runner() as runner:
            pieces: asyncio.Queue[str | asyncio.Task[AgentReply]] = asyncio.Queue()
            speaking = runner.get_loop().create_task(
                self._speak(request, pieces.put_nowait)
            )
            speaking.add_done_callback(pieces.put_nowait)
            # Leaving cancels the speaking, which closes the connection.
            while not request.cancelled.is_set():
                piece = runner.run(_next(pieces))
                if isinstance(piece, asyncio.Task):
                    yield piece.result()
                    return
                if piece:
                    yield piece

    def make_model(self, name: str) -> "Model":
        """Make the model of a ``provider:name``.

        Called for every reply, and by the system check. Override it for what options
        cannot describe.
        """
        from pydantic_ai.models import infer_model  # noqa: PLC0415
        from pydantic_ai.providers import (  # noqa: PLC0415
            infer_provider,
            infer_provider_class,
        )

        account = {"base_url": self.options["base_url"], "api_key": read_key(self.options)}
        given = {key: value for key, value in account.items() if value is not None}

        def make_provider(provider: str) -> Any:
            provider_class: Any = infer_provider_class(provider)
            return provider_class(**given)

        return infer_model(name, make_provider if given else infer_provider)

    def check(self) -> list[str]:
        """Return what is missing or not understood."""
        problems = list(
            check_options(
                self.options, known=DEFAULTS.keys(), package="pydantic_ai", extra="llm"
            )
        )
        model = self.options["model"]
        if model != "test" and not (isinstance(model, str) and ":" in model):
            problems.append('OPTIONS needs a model, such as "openai:gpt-5-mini".')
        problems.extend(
            f"{name} must be a number, and not below 0."
            for name in ("history_messages", "history_characters", "timeout", "retries")
            if not isinstance(self.options[name], int | float) or self.options[name] < 0
        )
        return problems or self._check_model(model)

    def _check_model(self, name: str) -> list[str]:
        """Return why the model cannot be made: unknown, or without its package or key."""
        try:
            self.make_model(name)
        except Exception as error:  # noqa: BLE001 - each provider has errors of its own
            return [f"The model {name} cannot be used: {error}"]
        return []

    async def _speak(self, request: ReplyRequest, say: Callable[[str], None]) -> AgentReply:
        """Ask the model, say what it says, and return the whole."""
        from pydantic_ai.direct import model_request_stream  # noqa: PLC0415
        from pydantic_ai.messages import (  # noqa: PLC0415
            PartDeltaEvent,
            PartStartEvent,
            TextPart,
            TextPartDelta,
        )
        from pydantic_ai.settings import ModelSettings  # noqa: PLC0415

        chosen = self._chosen(request.options)
        settings = ModelSettings(
            request_timeout=chosen["timeout"], max_retries=chosen["retries"]
        )
        for name in ("temperature", "max_tokens"):
            if chosen[name] is not None:
                settings[name] = chosen[name]
        said = []
        messages = self._messages(request, chosen["instructions"])
        async with (
            self.make_model(chosen["model"]) as model,
            model_request_stream(model, messages, model_settings=settings) as answer,
        ):
            async for event in answer:
                match event:
                    case PartStartEvent(part=TextPart(content=text)):
                        said.append(text)
                    case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                        said.append(text)
                    case _:
                        continue
                say(text)
            whole = answer.get()
        if not any(said):
            raise ValueError(f"The model said nothing: {whole.finish_reason}.")
        return AgentReply(
            text="".join(said),
            thought=whole.thinking,
            input_tokens=whole.usage.input_tokens or None,
            output_tokens=whole.usage.output_tokens or None,
        )

    def _chosen(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options for an agent with options of its own."""
        if refused := own.keys() - AGENT_OPTIONS:
            raise ValueError(
                f"An agent may not set {', '.join(sorted(refused))}, "
                f"only {', '.join(sorted(AGENT_OPTIONS))}."
            )
        chosen = {**self.options, **own}
        if "model" in own:
            # The key is for this provider, so it must not be shown to another one.
            provider = self.options["model"].partition(":")[0] + ":"
            chosen["model"] = provider + own["model"].removeprefix(provider)
        return chosen

    def _messages(
        self, request: ReplyRequest, instructions: str | None
    ) -> "list[ModelMessage]":
        from pydantic_ai.messages import (  # noqa: PLC0415
            ModelRequest,
            ModelResponse,
            TextPart,
        )

        earlier: list[ModelMessage] = [
            ModelResponse(parts=[TextPart(turn.content)])
            if turn.is_agent
            else ModelRequest.user_text_prompt(turn.content)
            for turn in self._remembered(request.history)
        ]
        asked = ModelRequest.user_text_prompt(request.content, instructions=instructions)
        return [*earlier, asked]

    def _remembered(self, history: tuple[Turn, ...]) -> list[Turn]:
        """Return the newest turns that fit, starting with one of the user's."""
        room = self.options["history_characters"]
        turns: list[Turn] = []
        for turn in reversed(history):
            if turn.is_incomplete and not self.options["history_incomplete"]:
                continue
            room -= len(turn.content)
            if room < 0:
                break
            turns.insert(0, turn)
        while turns and turns[0].is_agent:
            del turns[0]
        return turns


async def _next(pieces: asyncio.Queue[Any]) -> Any:
    """Return the next piece; ``None`` when there is none in time."""
    try:
        return await asyncio.wait_for(pieces.get(), TICK)
    except TimeoutError:
        return None
