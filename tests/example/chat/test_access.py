"""The chat page for everybody: by keyboard, by ear, in any light and at any size."""

import pytest
from playwright.sync_api import expect

#: The lowest contrast of any visible text, and of any field's edge, with its background.
CONTRASTS = """() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const parts = [r, g, b].map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const all = [...document.body.querySelectorAll("*")];
  const visible = all.filter((element) => element.checkVisibility());
  const texts = visible.filter((element) => [...element.childNodes].some(
    (node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
  return {
    text: Math.min(...texts.map((element) =>
      contrast(channels(getComputedStyle(element).color), ground(element)))),
    edge: Math.min(...visible.filter((element) => element.matches("textarea, .quiet")).map(
      (element) => contrast(channels(getComputedStyle(element).borderTopColor),
        ground(element.parentElement)))),
  };
}"""

#: Whether anything is wider than the page.
OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def test_a_round_by_keyboard(open_chat):
    chat = open_chat()
    keys = chat.page.keyboard
    expect(chat.button("Start a session")).to_be_focused()
    keys.press("Enter")
    expect(chat.box).to_be_focused()
    keys.type("hello")
    keys.press("Enter")
    expect(chat.texts).to_have_text(["hello", "hello"])
    expect(chat.button("Send")).to_be_visible()

    order = []
    for _ in range(5):
        keys.press("Tab")
        order.append(chat.page.evaluate("document.activeElement.id"))
    # Round the end of the page; the browser itself has a place there, too.
    assert [name for name in order if name] == ["send", "new", "end", "log"]

    chat.button("End session").focus()
    keys.press("Enter")
    dialog = chat.page.get_by_role("dialog", name="End this session?")
    expect(dialog).to_be_visible()
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    expect(chat.button("End session")).to_be_focused()
    keys.press("Enter")
    keys.press("Tab")
    expect(chat.button("End it")).to_be_focused()
    keys.press("Enter")

    expect(chat.page.get_by_role("heading", name="This session was ended")).to_be_visible()
    expect(chat.button("Start a new session")).to_be_focused()


def test_what_is_heard(chat):
    chat.say("hello")
    expect(chat.texts).to_have_count(2)
    expect(chat.page.locator("body")).to_match_aria_snapshot("""
      - banner:
        - heading "Eliza" [level=1]
        - paragraph:
          - timer "Time left"
        - button "New session"
        - button "End session"
      - main:
        - log "Messages":
          - list:
            - listitem:
              - paragraph:
                - text: You
                - time
              - paragraph: hello
            - listitem:
              - paragraph:
                - text: Eliza
                - time
              - paragraph: hello
        - form "Write to Eliza":
          - textbox "Message"
          - button "Send"
      - status: "Eliza: hello"
    """)
    # What is added is announced once it is whole, and not as it comes.
    expect(chat.page.get_by_role("log")).to_have_attribute("aria-live", "off")
    expect(chat.box).to_have_accessible_description(
        "Enter sends, Shift + Enter starts a new line. 0 / 4000"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(open_chat, scheme):
    chat = open_chat(color_scheme=scheme)
    expect(chat.button("Start a session")).to_be_visible()
    assert chat.page.evaluate(CONTRASTS)["text"] >= 4.5
    chat.start()
    chat.say("do wait")
    expect(chat.texts).to_have_count(2)
    chat.button("Stop").click()
    expect(chat.notes).to_have_count(1)
    chat.change_session(expires_at="now() + timedelta(minutes=3)")
    chat.come_back()
    expect(chat.button("Renew session")).to_be_visible()

    lowest = chat.page.evaluate(CONTRASTS)

    assert lowest["text"] >= 4.5
    assert lowest["edge"] >= 3
    ground = chat.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(246, 245, 241)", "dark": "rgb(21, 24, 26)"}[scheme]


@pytest.mark.parametrize(
    ("width", "height"),
    [
        pytest.param(320, 640, id="small phone"),
        pytest.param(640, 360, id="1280 x 720 at 200 %"),
        pytest.param(320, 256, id="1280 x 1024 at 400 %"),
    ],
)
def test_little_room(open_chat, width, height):
    chat = open_chat(viewport={"width": width, "height": height}).start()
    text = "long" * 200 + "\n" + "words " * 100 + "end"
    chat.say(text)
    expect(chat.texts).to_have_text([text, text])
    assert chat.page.evaluate(OVERFLOWS) is False
    # What was said last can be seen, and the next thing can be said.
    expect(chat.texts.last).to_be_in_viewport()
    chat.box.scroll_into_view_if_needed()
    expect(chat.box).to_be_in_viewport(ratio=1)
    chat.button("End session").click()
    expect(chat.button("End it")).to_be_in_viewport(ratio=1)
    assert chat.page.evaluate(OVERFLOWS) is False


@pytest.mark.parametrize(
    ("wish", "animation"), [("no-preference", "breathe"), ("reduce", "none")]
)
def test_motion(open_chat, wish, animation):
    chat = open_chat(reduced_motion=wish).start()
    # A request that is under way for ever.
    chat.page.route("**/messages", lambda _route: None)
    chat.say("hello")
    expect(chat.page.get_by_text("Thinking…")).to_have_css("animation-name", animation)


def test_the_end_of_the_log_stays_in_view_only_for_who_is_there(open_chat):
    chat = open_chat(viewport={"width": 500, "height": 700}).start()
    lines = "\n".join("many lines")
    chat.say(lines)
    expect(chat.texts).to_have_text([lines, lines])
    expect(chat.texts.last).to_be_in_viewport()
    log = chat.page.get_by_role("log")
    chat.say("slowly " + "on\n " * 8)
    expect(chat.texts.last).to_contain_text("slowly on")
    log.evaluate("log => log.scrollTop = 0")

    expect(chat.button("Stop")).to_be_hidden()

    assert log.evaluate("log => log.scrollTop") == 0
