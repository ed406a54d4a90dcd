"""A reply followed from a real browser, whose connection is cut at every chunk."""

import pytest

from django_eliza_sessions.models import Message
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import messages
from tests.admin.test_browser import browser_page  # noqa: F401 - a fixture
from tests.conftest import BASE
from tests.services.race import wait_until

#: Resumes with the header, as scripts do that need to authenticate.
FETCH = """async (url) => {
    const events = [];
    while (events.at(-1)?.name !== "done") {
        const cut = new AbortController();
        const headers = {"Accept": "text/event-stream"};
        if (events.length) headers["Last-Event-ID"] = events.at(-1).id;
        const response = await fetch(url, {headers, signal: cut.signal});
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let text = "", found;
        while (!(found = /^id: (.*)\\nevent: (.*)\\ndata: (.*)\\n\\n/m.exec(text))) {
            text += (await reader.read()).value;
        }
        events.push({id: found[1], name: found[2], data: found[3]});
        cut.abort();
    }
    return events;
}"""
#: Resumes with the query, because a new EventSource knows of none before it.
EVENT_SOURCE = """(url) => new Promise((resolve) => {
    const events = [];
    const open = () => {
        const last = events.length ? `?lastEventId=${events.at(-1).id}` : "";
        const source = new EventSource(url + last);
        const hear = ({lastEventId, type, data}) => {
            source.close();
            events.push({id: lastEventId, name: type, data});
            type === "done" ? resolve(events) : open();
        };
        for (const name of ["user_message", "chunk", "done"]) {
            source.addEventListener(name, hear, {once: true});
        }
    };
    open();
})"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("client", [FETCH, EVENT_SOURCE], ids=["fetch", "EventSource"])
def test_connection_cut_at_every_event(browser_page, agent, session, client):  # noqa: F811
    texts = [f"<{i}> é\n\n" for i in range(12)]
    agent.backend_options = {"chunks": texts, "delay": 0.1, "text": "".join(texts)}
    agent.save()
    message = messages.send_message(
        principal=SYSTEM, session_id=session.pk, content="Hello", transport="sse"
    ).message

    browser_page.goto("/admin/login/")  # Pages of the API itself may ask nothing.
    events = browser_page.evaluate(
        client, f"{BASE}/{session.pk}/messages/{message.pk}/reply"
    )

    wait_until(lambda: Message.objects.filter(is_agent=True).exists(), "the answer")
    answer = Message.objects.get(is_agent=True)
    assert [event["id"] for event in events] == [str(i) for i in range(len(events))]
    names = [event["name"] for event in events]
    assert names == ["user_message", *["chunk"] * (len(events) - 2), "done"]
    heard = browser_page.evaluate(
        "(events) => events.map((e) => JSON.parse(e.data))", events
    )
    assert (
        "".join(data["chunk"] for data in heard[1:-1]) == answer.content == "".join(texts)
    )
    assert heard[-1]["content"] == answer.content
    assert len(events) > 4  # It was under way while it was followed.
