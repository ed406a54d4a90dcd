"""An operator's round through the admin in a real browser."""

import importlib.util
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connections

from django_eliza_sessions.exceptions import MessageSendError
from django_eliza_sessions.models import Agent, Session, WebhookDelivery, WebhookEndpoint
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import keys, lifecycle, messages
from tests.admin.conftest import (
    AGENTS,
    DELIVERIES,
    ENDPOINTS,
    EVENTS,
    KEYS,
    REPLIES,
    SESSIONS,
)
from tests.conftest import NOON, need

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

HOSTILE = "<script>alert(1)</script><img src=https://a.test/x onerror=alert(2)>"


@pytest.fixture
def browser_page(live_server, monkeypatch):
    """A page of a browser of its own, in the dark theme; no request leaves the server.

    The plugin's browser lives as long as the test session, and so would the event loop
    that makes Django refuse its database.
    """
    need(importlib.util.find_spec("playwright") is not None, "playwright is not installed")
    need(CHROMIUM.exists(), f"{CHROMIUM} is not installed")
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(base_url=live_server.url, color_scheme="dark")
        page.set_default_timeout(20_000)
        page.alerts, page.strays = [], []
        page.on("dialog", lambda dialog: (page.alerts.append(dialog), dialog.dismiss()))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(live_server.url) or page.strays.append(request.url)
            ),
        )
        yield page
        browser.close()
        # Within an event loop Django has connections of its own.
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_an_operators_round(browser_page, session_factory):
    User.objects.create_superuser("operator", password="secret")
    session, ended = session_factory(), session_factory()
    lifecycle.end_session(principal=SYSTEM, session_id=ended.pk)
    messages.send_message(
        principal=SYSTEM,
        session_id=session.pk,
        content=HOSTILE,
        attachments=[{"type": "image", "url": "https://a.test/a.png"}],
        transport="http",
    )
    page = browser_page
    from playwright.sync_api import expect  # Waits for what is expected.

    page.goto(SESSIONS)
    page.fill("#id_username", "operator")
    page.fill("#id_password", "secret")
    page.click("text=Log in")
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    expect(page.locator(".eliza-badge")).to_have_text(["ended", "active"])

    page.locator("#changelist-filter").get_by_role(
        "link", name="active", exact=True
    ).click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    # The badge has a colour of its own, and the dark theme's.
    expect(page.locator(".eliza-badge")).to_have_css("background-color", "rgb(0, 107, 27)")

    page.get_by_role("link", name=f"{str(session.pk)[:8]}…").click()
    expect(page.locator(".eliza-text")).to_have_text([HOSTILE, "Scripted."])

    page.go_back()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.check("input.action-select")
    page.select_option("select[name=action]", "renew")
    page.click("button[name=index]")
    expect(page.locator(".messagelist")).to_have_text("Renewed: 1 session.")

    page.check("input.action-select")
    page.select_option("select[name=action]", "end")
    page.click("button[name=index]")
    expect(page.locator("#content li")).to_have_text([str(session.pk)])
    page.click("text=Yes, end them")
    expect(page.locator(".messagelist")).to_have_text("Ended: 1 session.")

    session.refresh_from_db()
    assert session.renewal_count == 2  # The message renewed it, and so did we.
    assert session.close_reason == Session.CloseReason.ENDED
    assert page.alerts == []
    assert page.strays == []


@pytest.fixture
def well_filled(session):
    """A row in every list, each as wide as they come."""
    long = "x" * 200
    Agent.objects.update(backend_options={"error": long})
    with pytest.raises(MessageSendError):
        messages.send_message(
            principal=SYSTEM, session_id=session.pk, content="Hi", transport="http"
        )
    keys.create_key(name="The desk", is_admin=True, may_act_as=True, expires_at=NOON)
    endpoint = WebhookEndpoint.objects.create(
        name="The report's receiver",
        url=f"https://receiver.example.com/{long}",
        failing_since=NOON,
        disabled_at=NOON,
    )
    event = session.events.order_by("sequence").last()
    event.error, event.relay_at = long, None
    event.save()
    WebhookDelivery.objects.create(
        endpoint=endpoint,
        event=event,
        session_id=session.pk,
        sequence=event.sequence,
        error=f"Answered 500: {long}",
        delivered_at=NOON,
        due_at=NOON,
    )


@pytest.mark.django_db(transaction=True)
def test_lists_fit_a_small_screen(browser_page, well_filled):
    User.objects.create_superuser("operator", password="secret")
    page = browser_page
    page.set_viewport_size({"width": 1200, "height": 800})
    page.goto(SESSIONS)
    page.fill("#id_username", "operator")
    page.fill("#id_password", "secret")
    page.click("text=Log in")
    for path in (SESSIONS, AGENTS, KEYS, REPLIES, EVENTS, ENDPOINTS, DELIVERIES):
        page.goto(path)
        assert page.locator("#result_list tbody tr").count()
        results = page.locator(".results").element_handle()
        hidden = results.evaluate("box => box.scrollWidth - box.clientWidth")
        assert hidden == 0, f"{path} is too wide by {hidden} px"
