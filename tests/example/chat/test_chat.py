"""The chat page: talking, and everything that comes between."""

import signal
import subprocess
import urllib.request

import pytest
from playwright.sync_api import WebSocketRoute, expect

from tests.example.chat.conftest import WATCH

HOSTILE = "<img src=/x onerror=alert(1)><script>alert(2)</script></p><b>bold</b>&amp;"

#: What happens to a script within the page.
INTRUDE = """() => new Promise((resolve) => {
    const tell = (violation) => resolve(violation.blockedURI);
    document.addEventListener("securitypolicyviolation", tell);
    const script = document.createElement("script");
    script.textContent = "document.title = 'taken over'";
    document.body.append(script);
})"""


def test_a_conversation(open_chat):
    chat = open_chat()
    expect(chat.button("Start a session")).to_be_focused()
    chat.start()
    expect(chat.box).to_be_focused()
    expect(chat.page.get_by_role("timer")).to_have_text("30:00 left")

    chat.box.press_sequentially("two")
    chat.box.press("Shift+Enter")
    chat.box.press_sequentially("lines")
    chat.box.press("Enter")
    expect(chat.texts).to_have_text(["two\nlines", "two\nlines"], use_inner_text=True)
    expect(chat.announced).to_have_text("Eliza: two lines")
    expect(chat.box).to_have_value("")
    chat.say("again")

    expect(chat.texts).to_have_text(["two lines", "two lines", "again", "again"])
    assert chat.stored() == ["two\nlines", "two\nlines", "again", "again"]


def test_a_reload_continues(chat):
    chat.say("one")
    expect(chat.texts).to_have_text(["one", "one"])
    session = chat.session_id

    chat.page.reload()

    expect(chat.texts).to_have_text(["one", "one"])
    # Reading what is old is left to the reader.
    expect(chat.announced).to_have_text("")
    assert chat.session_id == session


def test_a_new_session_has_the_same_user(chat):
    chat.say("one")
    expect(chat.texts).to_have_text(["one", "one"])
    first = chat.server.call(f"/{chat.session_id}")

    chat.button("New session").click()

    expect(chat.texts).to_have_count(0)
    second = chat.server.call(f"/{chat.session_id}")
    assert second["sessionId"] != first["sessionId"]
    assert second["userId"] == first["userId"]


def test_an_answer_appears_word_by_word(chat):
    text = "slowly one by one come the words"
    chat.page.evaluate(WATCH)
    chat.say(text)
    expect(chat.texts.last).to_contain_text("slowly one")
    chat.enter("impatient")
    expect(chat.page.get_by_role("alert")).to_contain_text("still answering")
    expect(chat.box).to_have_value("impatient")

    expect(chat.announced).to_have_text(f"Eliza: {text}")
    expect(chat.texts).to_have_text([text, text])
    seen = chat.page.evaluate("seen")
    assert "Thinking…" in seen
    assert "slowly one by" in seen
    # Nobody is read a sentence in pieces.
    assert chat.page.evaluate("heard") == [f"Eliza: {text}"]


def test_earlier_messages(chat):
    chat.server.shell(
        "from datetime import timedelta; from django_eliza_sessions.models import *;"
        f"session = Session.objects.get(pk='{chat.session_id}');"
        "Message.objects.bulk_create(Message(session=session, author_id=session.user_id,"
        " is_agent=bool(i % 2), content=str(i),"
        " created_at=session.created_at + timedelta(milliseconds=i)) for i in range(120))"
    )
    chat.page.reload()
    expect(chat.texts).to_have_text([str(i) for i in range(70, 120)])
    earlier = chat.button("Earlier messages")
    earlier.focus()
    chat.page.keyboard.press("Enter")
    expect(chat.texts).to_have_text([str(i) for i in range(20, 120)])
    expect(earlier).to_be_focused()
    expect(chat.announced).to_have_text("50 earlier messages.")
    chat.page.keyboard.press("Enter")
    expect(chat.texts).to_have_text([str(i) for i in range(120)])
    expect(earlier).to_be_hidden()
    expect(chat.page.get_by_role("log")).to_be_focused()


def test_length_is_counted_in_characters(chat):
    count = chat.page.get_by_text("/ 4000")
    chat.box.fill("🙂" * 4001)
    expect(count).to_have_text("4001 / 4000")
    expect(chat.box).to_have_attribute("aria-invalid", "true")
    expect(chat.announced).to_contain_text("longer than 4000")
    chat.box.press("Enter")
    expect(chat.texts).to_have_count(0)

    chat.say("🙂" * 4000)

    expect(chat.texts).to_have_text(["🙂" * 4000] * 2)
    chat.say(" \n ")
    expect(chat.texts).to_have_count(2)


@pytest.mark.parametrize("loss", ["the request", "the answer"])
def test_what_was_not_sent_is_sent_once(chat, loss):
    if loss == "the request":
        chat.wire.take_down()
    else:
        chat.wire.loses_answers = True
    chat.say("hello")
    expect(chat.notes).to_have_text("Not sent: The server cannot be reached.")
    expect(chat.announced).to_contain_text("Not sent")
    chat.wire.is_down = chat.wire.loses_answers = False

    if (again := chat.button("Try again")).is_visible():
        again.click()

    expect(chat.texts).to_have_text(["hello", "hello"])
    expect(chat.notes).to_have_count(0)
    assert chat.stored() == ["hello", "hello"]


def test_what_was_not_sent_can_be_changed(chat):
    chat.wire.take_down()
    chat.say("helo")
    chat.button("Edit").click()
    expect(chat.box).to_have_value("helo")
    expect(chat.texts).to_have_count(0)
    chat.wire.put_up()

    chat.say("hello")

    expect(chat.texts).to_have_text(["hello", "hello"])


def test_a_cut_stream_goes_on_where_it_was(chat):
    text = "slowly " + " ".join(str(i) for i in range(8))
    chat.say(text)
    for number in (1, 4):
        expect(chat.texts.last).to_contain_text(f" {number}")
        chat.wire.cut()
    chat.wire.take_down()
    chat.wire.put_up()

    expect(chat.texts).to_have_text([text, text])
    expect(chat.announced).to_have_text(f"Eliza: {text}")
    assert chat.stored() == [text, text]


def test_a_reload_follows_the_answer(chat):
    text = "slowly " + " ".join(str(i) for i in range(10))
    chat.say(text)
    expect(chat.texts.last).to_contain_text("slowly 0")
    chat.page.reload()
    expect(chat.button("Stop")).to_be_visible()
    expect(chat.texts).to_have_text([text, text])
    expect(chat.button("Stop")).to_be_hidden()


def test_stopping_an_answer(chat):
    chat.say("do wait")
    expect(chat.texts).to_have_text(["do wait", "do wait"])
    chat.button("Stop").focus()
    chat.page.keyboard.press("Enter")

    expect(chat.notes).to_have_text("The reply was cancelled.")
    expect(chat.box).to_be_focused()
    chat.say("next")
    expect(chat.texts).to_have_text(["do wait", "do wait", "next", "next"])
    chat.page.reload()
    expect(chat.texts).to_have_text(["do wait", "do wait", "next", "next"])
    expect(chat.notes).to_have_text("Incomplete.")


def test_an_agent_that_fails(chat):
    chat.say("do fail")
    expect(chat.notes).to_have_text("The agent failed to answer.")
    chat.say("next")
    expect(chat.texts).to_have_text(["do fail", "do fail", "next", "next"])


def test_a_late_history_does_not_hide_why_a_reply_failed(open_chat):
    chat = open_chat()
    is_late = True
    held = []

    def hold(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(
            lambda text: (
                held.append((socket, text))
                if is_late and "room_joined" in text
                else socket.send(text)
            )
        )

    chat.page.route_web_socket("**/socket.io/**", hold)
    chat.page.reload()
    chat.start()
    chat.say("do fail")
    expect(chat.notes).to_have_text("The agent failed to answer.")

    with chat.page.expect_response("**/messages"):  # It catches up now.
        is_late = False  # What comes only now is late enough.
        for socket, text in held:
            socket.send(text)

    chat.say("next")
    expect(chat.texts).to_have_text(["do fail", "do fail", "next", "next"])
    expect(chat.notes).to_have_text("The agent failed to answer.")


def test_a_server_that_is_killed(open_chat, make_server):
    server = make_server(
        DJANGO_SETTINGS_MODULE="tests.example.settings",
        ELIZA_SESSIONS_REPLY_LEASE_SECONDS="2",
    ).start()
    server.use_backend("parrot")
    chat = open_chat(server).start()
    chat.say("do wait")
    expect(chat.texts.last).to_have_text("do wait")

    subprocess.run(["kill", "-KILL", str(server.pids["web"])], check=True)
    assert server.process.wait(60) == 128 + signal.SIGKILL
    chat.come_back()
    server.start()

    # What was said in part is not said again.
    expect(chat.notes).to_have_text("The agent failed to answer.", timeout=60_000)
    expect(chat.button("Send")).to_be_visible()  # Its end may be told by two ways.
    chat.say("next")
    expect(chat.texts).to_have_text(["do wait", "do wait", "next", "next"])


def test_warning_and_renewal(chat):
    chat.change_session(expires_at="now() + timedelta(minutes=3)")
    chat.come_back()
    warning = chat.page.get_by_role("alert").filter(has_text="ends in 3 minutes")
    expect(warning).to_be_visible()

    chat.button("Renew session").focus()
    chat.page.keyboard.press("Enter")

    expect(warning).to_be_hidden()
    expect(chat.announced).to_have_text("The session was renewed.")
    expect(chat.box).to_be_focused()
    expect(chat.page.get_by_role("timer")).to_have_text("30:00 left")
    assert chat.server.call(f"/{chat.session_id}")["renewalCount"] == 1


def test_a_session_that_cannot_be_renewed(chat):
    chat.change_session(
        created_at="now() - timedelta(minutes=717)",
        expires_at="now() + timedelta(minutes=2)",
    )
    chat.come_back()
    # The first renewal still gains what is left of the maximum duration.
    chat.button("Renew session").click()
    expect(chat.announced).to_have_text("The session was renewed.")
    chat.button("Renew session").click()
    expect(chat.page.get_by_role("alert").filter(has_text="maximum")).to_be_visible()


def test_a_session_that_expires_before_one_s_eyes(chat):
    chat.say("remember")
    expect(chat.texts).to_have_text(["remember", "remember"])
    chat.page.route("**/messages", lambda route: route.abort())
    chat.say("too late")
    expect(chat.button("Try again")).to_be_visible()
    chat.page.unroute("**/messages")
    chat.change_session(expires_at="now() + timedelta(seconds=4)")
    chat.come_back()

    expect(
        chat.page.get_by_role("heading", name="This session has expired")
    ).to_be_visible()

    expect(chat.button("Start a new session")).to_be_focused()
    expect(chat.box).to_be_hidden()
    expect(chat.button("Try again")).to_be_hidden()
    expect(chat.texts).to_have_count(3)
    chat.page.keyboard.press("Enter")
    expect(chat.box).to_be_focused()
    expect(chat.texts).to_have_count(0)


def test_sending_to_a_session_that_was_ended(chat):
    # Realtime would tell of it first.
    chat.wire.refused = b"GET /socket.io/"
    chat.page.reload()
    chat.wait_for_history()
    path = f"{chat.server.url}/api/messaging/sessions/{chat.session_id}"
    urllib.request.urlopen(urllib.request.Request(path, method="DELETE")).close()
    chat.say("hello?")
    expect(chat.page.get_by_role("heading", name="This session was ended")).to_be_visible()
    chat.page.reload()
    expect(chat.button("Start a session")).to_be_visible()


def test_a_stored_session_that_is_over(chat):
    chat.change_session(
        created_at="now() - timedelta(hours=1)", expires_at="now() - timedelta(seconds=1)"
    )
    chat.page.reload()
    expect(
        chat.page.get_by_role("heading", name="This session has expired")
    ).to_be_visible()
    chat.button("Start a new session").click()
    expect(chat.box).to_be_focused()


def test_a_page_that_loads_while_the_server_is_away(chat):
    session = chat.session_id
    chat.page.route("**/api/**", lambda route: route.abort())
    chat.page.reload()
    expect(chat.page.get_by_text("The server cannot be reached.")).to_be_visible()
    chat.page.unroute("**/api/**")
    chat.button("Try again").click()
    expect(chat.box).to_be_focused()
    assert chat.session_id == session


def test_a_clock_that_is_wrong_changes_nothing(open_chat):
    chat = open_chat()
    chat.page.clock.install(time="2020-02-02T12:00:00")
    chat.page.reload()
    chat.start()
    expect(chat.page.get_by_role("timer")).to_have_text("30:00 left")


def test_heartbeats_while_somebody_is_there(chat):
    heartbeats = []
    chat.page.on(
        "request", lambda request: "heartbeat" in request.url and heartbeats.append(request)
    )
    chat.page.clock.install()
    chat.page.reload()
    chat.wait_for_history()
    chat.box.press("a")
    chat.page.clock.fast_forward("01:01")
    assert heartbeats == []
    with chat.page.expect_response("**/heartbeat") as answer:
        chat.box.press("b")
    assert answer.value.ok
    chat.box.press("c")

    chat.page.clock.fast_forward("01:01")
    chat.page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    chat.box.press("d")
    assert len(heartbeats) == 1


def test_what_is_said_stays_text(chat):
    chat.say(HOSTILE)
    expect(chat.texts).to_have_text([HOSTILE, HOSTILE])
    assert chat.page.locator(".text *").count() == 0


def test_policy_allows_nothing_from_elsewhere(chat):
    with urllib.request.urlopen(f"{chat.server.url}/chat/") as response:
        policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self';" in policy
    assert "unsafe" not in policy
    # And the browser holds to it.
    assert chat.page.evaluate(INTRUDE) == "inline"
    chat.faults.clear()


def test_a_visitor_who_is_logged_in(chat):
    chat.page.goto("/admin/login/?next=/chat/")
    chat.page.get_by_label("Username").fill("admin")
    chat.page.get_by_label("Password").fill("admin")
    chat.page.get_by_role("button", name="Log in").click()
    chat.say("hello")
    expect(chat.texts).to_have_text(["hello", "hello"])


def test_without_realtime(open_chat):
    chat = open_chat()
    chat.wire.refused = b"GET /socket.io/"
    chat.page.reload()
    chat.start()
    chat.say("hello")
    expect(chat.texts).to_have_text(["hello", "hello"])
    # The browser complains, of nothing else.
    assert all("WebSocket" in text for text in chat.complaints)
    chat.page.clock.install()
    chat.change_session(expires_at="now() + timedelta(minutes=3)")
    chat.page.reload()
    chat.wait_for_history()
    expect(chat.page.get_by_role("alert").filter(has_text="3 minutes")).to_be_visible()
    chat.server.call(f"/{chat.session_id}/renew", {})
    chat.page.clock.fast_forward("00:31")
    expect(chat.button("Renew session")).to_be_hidden()


def test_whoever_is_logged_in_speaks_for_themselves(open_chat, make_server):
    server = make_server(ELIZA_SESSIONS_ACCESS="key").start()
    cookie, user_id = server.shell(
        "from django.contrib.auth.models import User; from django.test import Client;"
        "from django_eliza_sessions.services.access import user_id_of;"
        "client, user = Client(), User.objects.create_user('ada');"
        "client.force_login(user);"
        "print(client.cookies['sessionid'].value, user_id_of(user))"
    ).split()
    cookies = [{"name": "sessionid", "value": cookie, "domain": "127.0.0.1", "path": "/"}]
    chat = open_chat(server, storage_state={"cookies": cookies}).start()

    chat.say("hello")

    expect(chat.texts).to_have_count(2)
    stored = server.shell(
        "from django_eliza_sessions.models import Session;"
        "print(Session.objects.get().user_id)"
    )
    assert stored == user_id
