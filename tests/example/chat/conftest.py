"""The chat page in a real browser, at a running server, over a wire that can be cut."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.admin.test_browser import CHROMIUM, FLAGS
from tests.conftest import need
from tests.example.chat.wire import Wire
from tests.example.conftest import Server

#: Milliseconds; other tests may have the processors.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)

#: Notes what stands in the last message, and what is announced, whenever that changes.
WATCH = """() => {
    window.seen = [];
    window.heard = [];
    const watch = (id, note) => new MutationObserver(note).observe(
        document.getElementById(id), {subtree: true, childList: true, characterData: true});
    watch("messages", () =>
        window.seen.push([...document.querySelectorAll(".text")].at(-1).textContent));
    watch("announcer", () =>
        window.heard.push(document.getElementById("announcer").textContent));
}"""


class Chat:
    """What a user of the page does and sees."""

    def __init__(
        self, browser: Browser, server: Server, wire: Wire, **context: Any
    ) -> None:
        self.server = server
        self.wire = wire
        self.context = browser.new_context(base_url=wire.url, **context)
        self.context.set_default_timeout(PATIENCE)
        #: What must not happen: uncaught errors, alerts, requests to elsewhere.
        self.faults: list[str] = []
        #: What the browser itself complains of, as connections that are cut.
        self.complaints: list[str] = []
        self.page = self.open_tab()

    def open_tab(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("dialog", lambda dialog: (self.faults.append("dialog"), dialog.dismiss()))
        page.on("console", self._hear)
        page.on("request", self._check_address)
        page.goto("/chat/")
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            forbidden = "Content Security Policy" in message.text
            (self.faults if forbidden else self.complaints).append(message.text)

    def _check_address(self, request: Request) -> None:
        if not request.url.startswith(self.wire.url):
            self.faults.append(request.url)

    def start(self) -> "Chat":
        self.button("Start a session").click()
        self.wait_for_history()
        return self

    def wait_for_history(self) -> None:
        self.page.locator("[role=log][aria-busy=false]").wait_for()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    @property
    def texts(self) -> Locator:
        return self.page.get_by_role("listitem").locator(".text")

    @property
    def notes(self) -> Locator:
        """What is remarked on messages."""
        return self.page.get_by_role("listitem").locator(".note")

    @property
    def announced(self) -> Locator:
        return self.page.get_by_role("status")

    def say(self, text: str) -> None:
        """Send a text once it can be sent."""
        expect(self.button("Send")).to_be_visible()
        self.enter(text)

    def enter(self, text: str) -> None:
        self.box.fill(text)
        self.box.press("Enter")

    @property
    def session_id(self) -> str:
        return self.page.evaluate("localStorage.getItem('chat.sessionId')")

    def stored(self) -> list[str]:
        """What the server has of the conversation, the oldest first."""
        page = self.server.call(f"/{self.session_id}/messages?limit=100")
        return [message["content"] for message in reversed(page["messages"])]

    def change_session(self, **fields: str) -> None:
        """Change the session's row; the values are expressions."""
        changes = ", ".join(f"{name}={value}" for name, value in fields.items())
        self.server.shell(
            "from datetime import timedelta; from django.utils.timezone import now;"
            "from django_eliza_sessions.models import Session;"
            f"Session.objects.filter(pk='{self.session_id}').update({changes})"
        )

    def come_back(self) -> None:
        """Look at the page again, as after using another tab."""
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.fixture(scope="module")
def parrot_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose agent does what it is told to."""
    server = Server(
        tmp_path_factory.mktemp("chat"),
        DJANGO_SETTINGS_MODULE="tests.example.settings",
        ELIZA_SESSIONS_REPLY_LEASE_SECONDS="2",
    ).start()
    server.use_backend("parrot")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    need(CHROMIUM.exists(), f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_chat(chromium: Browser, parrot_server: Server) -> Iterator[Callable[..., Chat]]:
    """Open the page in a browser of its own; give options of the browser's context."""
    opened: list[Chat] = []

    def open_(server: Server = parrot_server, **context: Any) -> Chat:
        opened.append(Chat(chromium, server, Wire(server.port), **context))
        return opened[-1]

    yield open_
    for chat in opened:
        chat.context.close()
        chat.wire.close()
        assert chat.faults == []


@pytest.fixture
def chat(open_chat: Callable[..., Chat]) -> Chat:
    return open_chat().start()
