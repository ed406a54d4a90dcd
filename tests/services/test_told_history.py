"""What a backend is told of the conversation so far."""

import pytest
from django.db import connection

from django_eliza_sessions.backends import Turn, backends
from django_eliza_sessions.exceptions import MessageSendError
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import messages
from django_eliza_sessions.services.answering import answer_reply
from django_eliza_sessions.testing.backends import ScriptedBackend

pytestmark = pytest.mark.django_db(transaction=True)


def test_is_told_what_was_cut_short(agent, session):
    def send(content, metadata=None, **options):
        agent.backend_options = options
        agent.save()
        messages.send_message(
            principal=SYSTEM,
            session_id=session.pk,
            content=content,
            metadata=metadata,
            transport="http",
        )

    with pytest.raises(MessageSendError):
        send("One", chunks=["Tw", "o"], error_after=1)
    send("Three", metadata={"incomplete": True}, text="Four")
    send("Five")

    assert ScriptedBackend.requests[-1].history == (
        Turn(is_agent=False, content="One"),
        Turn(is_agent=True, content="Tw", is_incomplete=True),
        Turn(is_agent=False, content="Three"),
        Turn(is_agent=True, content="Four"),
    )


def test_of_messages_that_waited_has_each_answer_after_its_question(
    agent, session, configure
):
    configure(REPLY_DISPATCHER="tests.services.conftest.remember")
    replies = [
        messages.send_message(
            principal=SYSTEM, session_id=session.pk, content=content
        ).reply
        for content in ("One", "Two", "Three")
    ]

    for reply in replies:
        answer_reply(reply_id=reply.pk)

    told = [turn.content for turn in ScriptedBackend.requests[-1].history]
    assert told == ["One", "Scripted.", "Two", "Scripted."]


@pytest.mark.parametrize("transport", ["http", "websocket"])
@pytest.mark.parametrize("limit", [0, 1, 3, 10, 2**31])
@pytest.mark.parametrize("is_made", [True, False])
def test_comes_with_the_reply_once_its_backend_is_made(
    session, configure, monkeypatch, transport, limit, is_made
):
    """Or else by a statement of its own, and is the same."""
    configure(REPLY_DISPATCHER="tests.services.conftest.remember")
    monkeypatch.setattr(ScriptedBackend, "history_limit", limit)
    asked = []

    def note(execute, sql, params, many, context):
        asked.append(sql.startswith("SELECT is_agent"))
        return execute(sql, params, many, context)

    def send(content):
        sent = messages.send_message(
            principal=SYSTEM, session_id=session.pk, content=content, transport=transport
        )
        answer_reply(reply_id=sent.reply.pk)

    send("\u00fc\U0001f600")
    send('"\\')
    if not is_made:
        backends._made.clear()
    with connection.execute_wrapper(note):
        send("Three")

    told = [(turn.is_agent, turn.content) for turn in ScriptedBackend.requests[-1].history]
    said = [(False, "\u00fc\U0001f600"), (True, "Scripted."), (False, '"\\')]
    said.append((True, "Scripted."))
    assert told == (said[-limit:] if limit else [])
    if limit < 2**31:
        comes_with_it = is_made and connection.vendor == "postgresql"
        assert any(asked) == (limit > 0 and not comes_with_it)
