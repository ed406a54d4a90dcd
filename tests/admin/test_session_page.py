"""The page of one session: everything about it, nothing to edit, nothing that runs."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_eliza_sessions.admin import transcript
from django_eliza_sessions.models import Message, Reply, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle, messages
from tests.admin.conftest import SESSIONS, page_of
from tests.conftest import minutes

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 }} \u202eevil\u2066 🙈"


@pytest.fixture
def say(clock, session):
    """Put a message into the session, past every check of what may be stored."""

    def make(content="Hi", *, is_agent=False, **fields):
        clock.shift(minutes(0.001))
        row = Message(
            session=session, author_id=session.user_id, is_agent=is_agent, content=content
        )
        for name, value in fields.items():
            setattr(row, name, value)
        row.created_at = session.created_at + minutes(0.001) * (Message.objects.count() + 1)
        row.save(force_insert=True)
        Session.objects.filter(pk=session.pk).update(message_count=Message.objects.count())
        return row

    return make


@pytest.fixture
def shown(operator, session):
    """Return the page's HTML."""

    def show():
        response = operator.get(page_of(session))
        assert response.status_code == 200
        return response.content.decode()

    return show


def test_shows_everything_there_is_to_know(shown, session_factory, session):
    Session.objects.filter(pk=session.pk).update(metadata={"platform": "<b>web</b>"})

    html = shown()

    for value in (session.pk, session.user_id, session.agent, session.owner):
        assert str(value) in html
    assert "eliza-active" in html
    assert "&quot;platform&quot;: &quot;&lt;b&gt;web&lt;/b&gt;&quot;" in html
    for field in Session._meta.fields:
        assert f"field-{field.name}" in html or field.name in ("metadata", "last_sequence")


def test_offers_nothing_to_edit(shown):
    html = shown()

    assert 'name="_save"' not in html
    assert "deletelink" not in html
    assert "<textarea" not in html
    assert "/add/" not in html


@pytest.mark.parametrize("path", ["change", "add"])
def test_refuses_edits(operator, session, path):
    target = page_of(session) if path == "change" else f"{SESSIONS}add/"

    response = operator.post(target, {"timeout_minutes": "999", "_save": "Save"})

    assert response.status_code == 403
    session.refresh_from_db()
    assert session.timeout_minutes == 30


def test_shows_hostile_text_as_text(shown, say):
    say(HOSTILE, metadata={"thought": HOSTILE}, is_agent=True)

    html = shown()

    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ 7 }}" in html
    assert "🙈" in html


def test_shows_json_that_no_page_can_hold(shown, say):
    say(metadata={"thought": "\ud800 <b>"}, is_agent=True)

    assert "\\ud800 &lt;b&gt;" in shown()


def test_text_cannot_change_the_direction_of_what_is_around_it(shown, say):
    say("\u202eevil", attachments=[{"type": "file", "url": "x", "name": "\u202egpj.exe"}])

    html = shown()

    assert '<p class="eliza-text" dir="auto">\u202eevil</p>' in html
    assert "<bdi>(file, \u202egpj.exe)</bdi>" in html


@pytest.mark.parametrize("url", ["http://a.test/?a=1&b=<x>", "HTTPS://a.test/"])
def test_links_attachments_on_the_web(shown, say, url):
    say(attachments=[{"type": "image", "url": url, "name": "a.png", "size": 7}])

    html = shown()

    escaped = url.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert (
        f'<a href="{escaped}" rel="noopener noreferrer nofollow"><bdi>{escaped}</bdi></a>'
        " <bdi>(image, a.png, 7)</bdi>" in html
    )
    assert 'src="http' not in html.lower()


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "JaVaScRiPt://http://a.test/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "\thttp://a.test",
        "//a.test",
        'x" onmouseover="alert(1)',
        "",
        None,
    ],
)
def test_links_nothing_else(shown, say, url):
    say(attachments=[{"type": "file", "url": url}])

    html = shown()

    attachments = html.split('<ul class="eliza-attachments">')[1].split("</ul>")[0]
    assert "<a" not in attachments
    assert "<script" not in attachments
    assert ' onmouseover="' not in attachments


def test_shows_the_newest_messages_in_the_order_they_were_said(shown, say, monkeypatch):
    monkeypatch.setattr(transcript, "LIMIT", 3)
    for number in range(5):
        say(f"said {number}")

    html = shown()

    assert [n for n in range(5) if f"said {n}<" in html] == [2, 3, 4]
    assert html.index("said 2<") < html.index("said 3<") < html.index("said 4<")
    assert "The newest 3 of 5 messages" in html


def test_says_who_said_it_and_when(clock, shown, session, agent):
    clock.shift(minutes(1))
    messages.send_message(
        principal=SYSTEM, session_id=session.pk, content="Hi", transport="http"
    )

    html = shown()

    user, answer = html.split('<li class="eliza-from-')[1:]
    assert "<strong>User</strong>" in user
    assert str(session.user_id) in user
    assert 'datetime="2026-01-01T' in user
    assert "<strong>Agent</strong>" in answer
    assert str(agent.pk) in answer
    assert "The newest" not in html


def test_says_why_a_reply_failed(clock, shown, say):
    message = say()
    Reply.objects.create(
        session=message.session,
        message=message,
        status=Reply.Status.FAILED,
        error="<b>no tokens left</b>",
        lease_until="2026-01-01T12:00Z",
        created_at="2026-01-01T12:00Z",
    )

    assert "&lt;b&gt;no tokens left&lt;/b&gt;" in shown()


def test_says_so_when_nothing_was_said(shown):
    assert "Nothing was said yet." in shown()


def test_lists_what_happened(clock, shown, session):
    clock.shift(minutes(1))
    lifecycle.expire_session(principal=SYSTEM, session_id=session.pk)
    clock.shift(minutes(1))
    lifecycle.end_session(principal=SYSTEM, session_id=session.pk)

    table = shown().split('<table class="eliza-events">')[1]

    assert table.index(">created<") < table.index(">expired<") < table.index(">ended<")


def test_costs_the_same_with_more_messages(shown, say):
    say()
    shown()
    with CaptureQueriesContext(connection) as few:
        shown()
    for _ in range(30):
        say(is_agent=True)
    with CaptureQueriesContext(connection) as many:
        shown()

    assert len(many) == len(few)


@pytest.mark.parametrize("pk", ["3c90c3cc-0d44-4b50-8888-8dd25736052a", "garbage", "_00"])
def test_a_session_that_is_not_there(operator, pk):
    response = operator.get(f"{SESSIONS}{pk}/change/", follow=True)

    assert response.status_code == 200
    assert "Perhaps it was deleted?" in response.content.decode()
