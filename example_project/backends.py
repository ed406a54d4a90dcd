"""Backends of the example: the agent that ElizaOS is named after."""

import time
from functools import cache
from threading import Lock
from typing import Any

from django_eliza_sessions.backends.base import AgentBackend, AgentReply, ReplyRequest

_importing = Lock()
#: What nltk's chat stumbles over in a text: "%1" is its own placeholder, and a dotless i
#: and a long s match "i" and "s" in its patterns without being in its dictionary.
_STUMBLING_BLOCKS = str.maketrans({"%": " percent", "\u0131": "i", "\u017f": "s"})


@cache
def doctor() -> Any:
    """Return the therapist of Weizenbaum's ELIZA (1966), as nltk has it.

    Imported on first use only, because that takes most of a second.
    """
    with _importing:
        from nltk.chat.eliza import eliza_chatbot  # noqa: PLC0415
    return eliza_chatbot


class ElizaBackend(AgentBackend):
    """Answers as the DOCTOR."""

    def reply(self, request: ReplyRequest) -> AgentReply:
        """Return what the therapist says to the user's text."""
        text = " ".join(request.content.translate(_STUMBLING_BLOCKS).split())
        return AgentReply(text=doctor().respond(text.rstrip(".!") or text))


class SlowBackend(ElizaBackend):
    """Thinks first, as a language model would.

    Agent options:
        seconds: How long; 3 unless given.
    """

    def reply(self, request: ReplyRequest) -> AgentReply:
        """Return the therapist's answer after a while."""
        time.sleep(request.options.get("seconds", 3))
        return super().reply(request)
