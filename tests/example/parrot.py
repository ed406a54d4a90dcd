"""An agent that does as it is told, so that one server serves all tests of the chat."""

import time
from collections.abc import Iterator

from django_eliza_sessions.backends import AgentBackend, AgentReply, ReplyRequest


class ParrotBackend(AgentBackend):
    """Repeats what it hears, word by word.

    A text that begins with "slowly" takes half a second a word; after one that ends with
    "wait" it waits until it is stopped; one that ends with "fail" is its last.
    """

    def reply(self, request: ReplyRequest) -> AgentReply:
        return AgentReply(text=request.content)

    def stream(self, request: ReplyRequest) -> Iterator[str | AgentReply]:
        words = request.content.split(" ")
        for i, word in enumerate(words):
            yield f" {word}" if i else word
            time.sleep(0.5 if words[0] == "slowly" else 0)
        if words[-1] == "wait":
            request.cancelled.wait(60)
        if words[-1] == "fail":
            raise RuntimeError("As told.")
        yield self.reply(request)
