"""The chat page over Socket.IO: tabs that tell each other, and what is caught up with."""

import pytest
from playwright.sync_api import expect

from tests.example.chat.conftest import WATCH


@pytest.fixture
def two_tabs(chat):
    """The chat, and a second tab in the same session; both are live."""
    other = chat.open_tab()
    for page in (chat.page, other):
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        page.locator("[role=log][aria-busy=false]").wait_for()
    return chat, other


def texts(page):
    return page.get_by_role("listitem").locator(".text")


def test_what_is_said_in_one_tab_is_seen_in_the_other(two_tabs):
    chat, other = two_tabs
    other.evaluate(WATCH)
    chat.say("slowly one two")
    expect(texts(other)).to_have_text(["slowly one two"] * 2)
    expect(other.get_by_role("status")).to_have_text("Eliza: slowly one two")
    # As it was spoken, but announced as a whole.
    assert "slowly one" in other.evaluate("seen")
    assert other.evaluate("heard") == ["Eliza: slowly one two"]

    other.get_by_role("textbox", name="Message").fill("and back")
    other.get_by_role("textbox", name="Message").press("Enter")

    whole = ["slowly one two", "slowly one two", "and back", "and back"]
    expect(chat.texts).to_have_text(whole)
    expect(texts(other)).to_have_text(whole)
    assert chat.stored() == whole
    assert chat.complaints == []


def test_the_same_words_in_both_tabs(two_tabs):
    chat, other = two_tabs
    chat.say("same")
    other.get_by_role("textbox", name="Message").fill("same")
    other.get_by_role("textbox", name="Message").press("Enter")
    expect(chat.texts).to_have_text(["same"] * 4)
    expect(texts(other)).to_have_text(["same"] * 4)


def test_what_was_missed_is_caught_up_with(two_tabs):
    chat, other = two_tabs
    chat.wire.take_down()
    expect(other.get_by_text("Reconnecting…")).to_be_visible()
    path = f"/{chat.session_id}/messages"
    for word in ("one", "two", "three"):
        chat.server.call(path, {"content": word, "transport": "http"})
    chat.wire.put_up()

    whole = ["one", "one", "two", "two", "three", "three"]
    for page in (chat.page, other):
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(texts(page)).to_have_text(whole)
    chat.server.call(path, {"content": "four", "transport": "http"})
    expect(texts(other)).to_have_text([*whole, "four", "four"])


def test_a_warning_arrives_and_the_other_tab_hears_of_the_renewal(two_tabs):
    chat, other = two_tabs
    chat.change_session(
        expires_at="now() + timedelta(minutes=3)", warns_at="now()", sweep_at="now()"
    )
    for page in (chat.page, other):
        expect(
            page.get_by_role("alert").filter(has_text="ends in 3 minutes")
        ).to_be_visible()

    chat.button("Renew session").click()

    expect(other.get_by_role("button", name="Renew session")).to_be_hidden()
    expect(other.get_by_role("timer")).to_contain_text("29:")


def test_expiry_arrives(two_tabs):
    chat, other = two_tabs
    chat.change_session(
        expires_at="now() + timedelta(seconds=3)", warns_at="now()", sweep_at="now()"
    )
    for page in (chat.page, other):
        heading = page.get_by_role("heading", name="This session has expired")
        expect(heading).to_be_visible()


def test_ending_in_one_tab_ends_the_other(two_tabs):
    chat, other = two_tabs
    chat.button("End session").click()
    chat.button("End it").click()
    expect(other.get_by_role("heading", name="This session was ended")).to_be_visible()
