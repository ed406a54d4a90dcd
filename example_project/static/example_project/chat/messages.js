/** The list of messages on the page: each once, in order, as text. */

import {
  addChoices,
  addText,
  createMessage,
  getText,
  setNote,
  setText,
  setTime,
  settle,
} from "./message.js";

/** How near its end, in pixels, one must be to follow what is added. */
const NEAR = 80;

export class MessageList {
  /** Elements by the id of their message. */
  #elements = new Map();
  #thinking = null;

  /**
   * @param {HTMLElement} log What scrolls, where there is room.
   * @param {HTMLElement} list
   * @param {string} agentName
   * @param {(text: string) => void} announce For screen readers.
   */
  constructor(log, list, agentName, announce) {
    this.log = log;
    this.list = list;
    this.agentName = agentName;
    this.announce = announce;
  }

  clear() {
    this.#elements.clear();
    this.list.replaceChildren();
    this.#thinking = null;
  }

  /**
   * Show a message, or what has become of one that is shown already.
   *
   * @param {object} message As in the history.
   * @param {boolean} [isNews] Whether to announce it.
   */
  put(message, isNews = true) {
    this.#following(() => {
      const element = this.#elements.get(message.id) ?? this.#adopt(message);
      const wasWhole = "at" in element.dataset;
      element.dataset.at = Date.parse(message.createdAt);
      setTime(element, new Date(message.createdAt));
      setText(element, message.content);
      // Why it failed says more.
      const isExplained = "failed" in element.dataset;
      if (message.metadata?.incomplete && !isExplained) setNote(element, "Incomplete.");
      this.#place(element);
      if (isNews && message.isAgent && !wasWhole) {
        this.announce(`${this.agentName}: ${message.content}`);
      }
    });
  }

  /**
   * Add a piece of what the agent says; one that is known, or that does not fit, is left out,
   * for the whole message follows.
   */
  addChunk(id, index, text) {
    this.#following(() => {
      const element = this.#elements.get(id) ?? this.#add(id, true);
      const next = Number(element.dataset.next ?? 0);
      if ("at" in element.dataset || index !== next) return;
      this.setThinking(false);
      element.dataset.next = next + 1;
      addText(element, text);
    });
  }

  /** The agent's message came to no good end; this may be told by several ways. */
  fail(id, partialText, note) {
    const element = this.#elements.get(id) ?? this.#add(id, true);
    if ("failed" in element.dataset) return;
    this.#following(() => {
      element.dataset.failed = "";
      if (partialText) setText(element, partialText);
      setNote(element, note);
      // What is not stored has no time: it belongs to what was said before.
      const times = [...this.#elements.values()].map(({ dataset }) => dataset.at ?? 0);
      element.dataset.at ??= Math.max(...times) + 0.5;
    });
    this.announce(note);
  }

  /**
   * Show a message of the user's that is on its way.
   *
   * @returns {HTMLElement} To confirm, or to mark as not sent.
   */
  addDraft(text) {
    const element = this.#create(false);
    setText(element, text);
    this.list.append(element);
    this.markPending(element);
    const scroller = this.#scroller;
    scroller.scrollTop = scroller.scrollHeight;
    return element;
  }

  markPending(element) {
    settle(element);
    element.classList.add("pending");
  }

  /** A draft was stored, unless the message has been shown by another way already. */
  confirm(element, message) {
    if (!element.dataset.id) {
      if (this.#elements.has(message.id)) element.remove();
      else this.#name(element, message.id);
    }
    settle(element);
    this.put(message);
  }

  /**
   * A draft was not sent.
   *
   * @param {HTMLElement} element The draft.
   * @param {string} reason
   * @param {{[label: string]: () => void}} choices What can be done about it.
   */
  markFailed(element, reason, choices) {
    settle(element);
    setNote(element, `Not sent: ${reason}`);
    this.#following(() => addChoices(element, choices));
    this.announce(`Not sent: ${reason}`);
  }

  /** Remark on a message that is shown. */
  note(id, text) {
    setNote(this.#elements.get(id), text);
  }

  /** Show whether the agent has been asked and said nothing yet. */
  setThinking(isThinking) {
    if (!isThinking) {
      this.#thinking?.remove();
      this.#thinking = null;
    } else if (!this.#thinking) {
      this.#thinking = this.#create(true);
      this.#thinking.classList.add("thinking");
      setText(this.#thinking, "Thinking…");
      this.#following(() => this.list.append(this.#thinking));
    }
  }

  /** Nothing more can be done about what is shown. */
  freeze() {
    this.setThinking(false);
    for (const choices of this.list.querySelectorAll(".retry")) choices.remove();
  }

  /** Change the list's beginning without moving what is read. */
  keepPlace(change) {
    const scroller = this.#scroller;
    const fromEnd = scroller.scrollHeight - scroller.scrollTop;
    change();
    scroller.scrollTop = scroller.scrollHeight - fromEnd;
  }

  /** Change the list, and stay at its end for who is there. */
  #following(change) {
    const scroller = this.#scroller;
    const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    change();
    if (below < NEAR) scroller.scrollTop = scroller.scrollHeight;
  }

  /** Where there is little room, the page scrolls instead of the log. */
  get #scroller() {
    const isPage = getComputedStyle(this.log).overflowY === "visible";
    return isPage ? document.scrollingElement : this.log;
  }

  /** The element for a message that comes for the first time, by whichever way. */
  #adopt({ id, isAgent, content }) {
    const drafts = isAgent ? [] : this.list.querySelectorAll(".user:not([data-id])");
    const draft = [...drafts].find((element) => getText(element) === content);
    if (!draft) return this.#add(id, isAgent);
    settle(draft);
    return this.#name(draft, id);
  }

  #add(id, isAgent) {
    const element = this.#name(this.#create(isAgent), id);
    this.list.insertBefore(element, this.#thinking);
    return element;
  }

  #name(element, id) {
    element.dataset.id = id;
    this.#elements.set(id, element);
    return element;
  }

  /** Messages that have no time yet stay last. */
  #place(element) {
    const at = Number(element.dataset.at);
    let before = this.list.lastElementChild;
    while (before && (before === element || !(Number(before.dataset.at) < at))) {
      before = before.previousElementSibling;
    }
    const after = before ? before.nextElementSibling : this.list.firstElementChild;
    if (after !== element) this.list.insertBefore(element, after);
  }

  #create(isAgent) {
    return createMessage(isAgent ? this.agentName : "You", isAgent);
  }
}
