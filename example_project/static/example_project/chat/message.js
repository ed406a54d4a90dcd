/** One message on the page: an element, and what it says. */

/**
 * @param {string} author Who says it.
 * @param {boolean} isAgent
 * @returns {HTMLElement} Without a text and a time yet.
 */
export function createMessage(author, isAgent) {
  const element = document.createElement("li");
  element.className = isAgent ? "message agent" : "message user";
  const who = document.createElement("p");
  who.className = "who";
  const name = document.createElement("b");
  name.textContent = author;
  who.append(name, " ", document.createElement("time"));
  const text = document.createElement("p");
  text.className = "text";
  text.dir = "auto";
  element.append(who, text);
  return element;
}

export function getText(element) {
  return element.querySelector(".text").textContent;
}

export function setText(element, text) {
  element.querySelector(".text").textContent = text;
}

export function addText(element, text) {
  element.querySelector(".text").append(text);
}

export function setTime(element, date) {
  const time = element.querySelector("time");
  const isToday = date.toDateString() === new Date().toDateString();
  time.dateTime = date.toISOString();
  time.textContent = date.toLocaleString(undefined, {
    timeStyle: "short",
    dateStyle: isToday ? undefined : "medium",
  });
}

/** Remark on the message; an empty text takes the remark back. */
export function setNote(element, text) {
  element.querySelector(".note")?.remove();
  if (!text) return;
  const note = document.createElement("p");
  note.className = "note";
  note.textContent = text;
  element.querySelector(".text").after(note);
}

/**
 * Offer what can be done about a message that was not sent.
 *
 * @param {HTMLElement} element
 * @param {{[label: string]: () => void}} choices
 */
export function addChoices(element, choices) {
  const buttons = document.createElement("p");
  buttons.className = "retry";
  for (const [label, act] of Object.entries(choices)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", act);
    buttons.append(button);
  }
  element.append(buttons);
}

/** Take back what was said about a draft. */
export function settle(element) {
  element.classList.remove("pending");
  element.querySelector(".retry")?.remove();
  setNote(element, "");
}
