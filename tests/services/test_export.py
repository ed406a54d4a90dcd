"""Everything that is held of a user, told row by row."""

import json
import uuid

import pytest

from django_eliza_sessions.exceptions import PermissionDeniedError
from django_eliza_sessions.models import ReplyChunk
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services import export, userdata
from django_eliza_sessions.services.export import export_user, line_of
from django_eliza_sessions.services.holds import hold_session
from django_eliza_sessions.services.messages import send_message
from tests.services.everything import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return Person()


def told(person):
    return list(export_user(principal=SYSTEM, user_id=person.user_id))


def test_tells_every_table_and_every_column_but_those_left_out(person, agent):
    person.talk(agent)
    records = told(person)
    for holding in userdata.HOLDINGS:
        of_it = [record for record in records if record["type"] == holding.name]
        if holding.model is ReplyChunk:
            continue
        assert len(of_it) == holding.model.objects.count()
        columns = len(holding.model._meta.concrete_fields) - len(holding.left_out)
        assert {len(record) for record in of_it} == {columns + 1}


def test_tells_it_as_it_was_sent(person, agent):
    session = person.talk(agent)
    records = told(person)
    assert records[0] | {"type": "session", "messageCount": 2} == records[0]
    assert records[0]["metadata"] == {"mood": "my-mood"}
    assert records[0]["userId"] == str(person.user_id)
    assert records[0]["createdAt"] == "2026-01-01T12:00:00.000Z"
    asked, answered = (record for record in records if record["type"] == "message")
    assert asked["content"] == "my-secret"
    assert asked["sessionId"] == str(session.pk)
    assert asked["attachments"][0]["url"] == "https://example.com/my-file"
    assert answered["content"] == "told-to-me"
    [reply] = [record for record in records if record["type"] == "reply"]
    assert reply["inputTokens"] == 7
    assert reply["answerId"] == answered["id"]


def test_a_reply_under_way_tells_its_text_so_far(session, handed_out):
    sent = send_message(principal=SYSTEM, session_id=session.pk, content="Hello")
    for index, text in enumerate(["told-", "to-me"]):
        ReplyChunk.objects.create(reply=sent.reply, index=index, text=text)
    sent.reply.chunk_count = 2
    sent.reply.save()
    records = list(export_user(principal=SYSTEM, user_id=session.user_id))
    assert [record["text"] for record in records if "text" in record] == ["told-to-me"]


def test_tells_all_sessions_in_order_page_by_page(person, agent, monkeypatch, clock):
    monkeypatch.setattr(export, "SESSIONS_AT_ONCE", 2)
    sessions = []
    for _ in range(5):
        # Two of them at the same moment.
        sessions += [person.talk(agent)]
        clock.shift(1 if len(sessions) != 2 else 0)
    hold_session(principal=SYSTEM, session_id=sessions[0].pk, reason="Case 7")
    person.talk(agent, ended=True)
    Person().talk(agent)
    records = told(person)
    ids = [record["id"] for record in records if record["type"] == "session"]
    assert len(ids) == len(set(ids)) == 6
    moments = [record["createdAt"] for record in records if record["type"] == "session"]
    assert moments == sorted(moments)
    assert len([r for r in records if r["type"] == "message"]) == 12


def test_needs_as_many_queries_for_many_sessions(person, agent, django_assert_num_queries):
    for _ in range(10):
        person.talk(agent)
    # The audit; sessions, and what belongs to them: messages, replies, events, keys,
    # deliveries; and that there is no other page.
    with django_assert_num_queries(8):
        told(person)


def test_a_line_is_compact_json_in_ascii():
    line = line_of({"type": "message", "content": "Grüße\n🙂"})
    assert line.isascii()
    assert line.count("\n") == 1
    assert json.loads(line)["content"] == "Grüße\n🙂"


def test_who_is_not_known_has_nothing():
    assert list(export_user(principal=SYSTEM, user_id=uuid.uuid4())) == []


def test_takes_an_administrator_over_all_agents():
    for scope in ({}, {"is_admin": True, "agent_ids": frozenset({uuid.uuid4()})}):
        with pytest.raises(PermissionDeniedError):
            export_user(principal=Principal(id="key:a", **scope), user_id=uuid.uuid4())
