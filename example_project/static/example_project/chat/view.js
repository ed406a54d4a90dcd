/** The page around the messages: what is shown when, and where the focus goes. */

/** Characters, as the contract counts them. */
const LONGEST = 4000;

export class View {
  constructor() {
    for (const element of document.querySelectorAll("[id]")) {
      this[camel(element.id)] = element;
    }
    this.text.addEventListener("input", () => this.#measure());
    this.text.addEventListener("keydown", (event) => {
      // Enter also ends the input of a word in some scripts.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.composer.requestSubmit();
    });
  }

  /** Show the conversation. */
  showChat() {
    this.#showOnly(this.log, this.composer, this.actions, this.time);
    this.text.focus();
  }

  /**
   * Show a word instead of the conversation, or above what was said.
   *
   * @param {object} words
   * @param {string} words.title
   * @param {string} words.text
   * @param {string} words.button
   * @param {boolean} [keepLog] Whether what was said can still be read.
   */
  showGate({ title, text, button }, keepLog = false) {
    this.#showOnly(this.gate, ...(keepLog ? [this.log] : []));
    this.gateTitle.textContent = title;
    this.gateText.textContent = text;
    this.start.textContent = button;
    this.start.focus();
  }

  /** Say something to screen readers. */
  announce(text) {
    // The same text again would be no change.
    const line = document.createElement("span");
    line.textContent = text;
    this.announcer.replaceChildren(line);
  }

  /** @param {number} milliseconds */
  showTime(milliseconds) {
    this.time.textContent = `${clock(milliseconds)} left`;
  }

  /** @param {number | null} milliseconds Until the end; null when that is far away. */
  showWarning(milliseconds) {
    const isShown = milliseconds !== null;
    if (!isShown) this.#handOn(this.warning);
    this.warning.hidden = !isShown;
    if (!isShown) return;
    const minutes = Math.ceil(milliseconds / 60_000);
    const end = minutes > 1 ? `in ${minutes} minutes` : "within a minute";
    const words = `This session ends ${end}.`;
    // Changed only when it says something new, since it is read out each time.
    if (this.warningText.textContent !== words) this.warningText.textContent = words;
  }

  /** Say what did not work; an empty text takes it back. */
  showProblem(text) {
    this.problem.textContent = text;
  }

  /** @param {"live" | "lost" | null} state Of the realtime connection; null without one. */
  showLink(state) {
    this.link.hidden = state === null;
    this.link.classList.toggle("lost", state === "lost");
    this.link.textContent = state === "lost" ? "Reconnecting…" : "Live";
  }

  /**
   * @param {boolean} isBusy Whether a reply is awaited, so that nothing can be sent.
   * @param {boolean} canStop
   */
  showBusy(isBusy, canStop) {
    if (!canStop) this.#handOn(this.stop);
    this.stop.hidden = !canStop;
    this.send.hidden = isBusy;
  }

  showEarlier(hasEarlier) {
    if (!hasEarlier && document.activeElement === this.earlier) this.log.focus();
    this.earlier.hidden = !hasEarlier;
  }

  /** @returns {string | null} What is to be sent, if it can be. */
  takeText() {
    const { value } = this.text;
    if (!value.trim() || this.#measure() > LONGEST) return null;
    this.setText("");
    return value;
  }

  setText(text) {
    this.text.value = text;
    this.#measure();
    this.text.focus();
  }

  #measure() {
    const length = [...this.text.value].length;
    const isTooLong = length > LONGEST;
    if (isTooLong && !this.text.ariaInvalid) {
      this.announce(`The message is longer than ${LONGEST} characters.`);
    }
    this.text.ariaInvalid = isTooLong ? "true" : null;
    this.count.textContent = `${length} / ${LONGEST}`;
    this.count.classList.toggle("over", isTooLong);
    // Grows with the text, up to what the style sheet allows.
    this.text.rows = Math.min(8, this.text.value.split("\n").length);
    return length;
  }

  #showOnly(...shown) {
    for (const part of [this.log, this.composer, this.actions, this.time, this.gate]) {
      part.hidden = !shown.includes(part);
    }
    if (!shown.includes(this.time)) {
      this.warning.hidden = this.link.hidden = true;
    }
  }

  /** The focus must not vanish together with what has it. */
  #handOn(element) {
    if (element.contains(document.activeElement)) this.text.focus();
  }
}

function camel(id) {
  return id.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
}

/** Milliseconds as 4:59, or 1:04:59. */
function clock(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (!parts[0]) parts.shift();
  return parts.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
}
