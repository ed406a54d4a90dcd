/** A chat with the demo agent: ties the parts together. */

import { Api } from "./api.js";
import { Conversation } from "./conversation.js";
import { MessageList } from "./messages.js";
import { Realtime } from "./realtime.js";
import { Session } from "./session.js";
import { uuid } from "./uuid.js";
import { View } from "./view.js";

const { api: base, socket: socketPath, agentId, agentName, userId } = document.body.dataset;
const USER = "chat.userId";
const SESSION = "chat.sessionId";

const WELCOME = {
  title: `Talk to ${agentName}`,
  text: "A session keeps what is said until it ends. It ends by itself when nobody says anything for long.",
  button: "Start a session",
};
const OVER = {
  SESSION_EXPIRED: {
    title: "This session has expired",
    text: "Nobody said anything for long, or it reached its longest duration.",
    button: "Start a new session",
  },
  SESSION_NOT_FOUND: {
    title: "This session was ended",
    text: "It cannot be continued.",
    button: "Start a new session",
  },
};

const api = new Api(base);
const view = new View();
const list = new MessageList(view.log, view.messages, agentName, (text) => view.announce(text));
/** What is being talked in: a session, its conversation and its connection. */
let current = null;

/** Leave the present session, if any, and show what a session is started from. */
function leave(words, keepLog) {
  current?.session.close();
  current?.conversation.leave();
  current?.realtime.close();
  current = null;
  view.showEarlier(false);
  view.showGate(words, keepLog);
}

/** Continue the session of before, if there was one. */
async function resume() {
  const sessionId = localStorage.getItem(SESSION);
  if (!sessionId) return leave(WELCOME);
  try {
    await enter(sessionId);
  } catch (error) {
    if (!error.isOver) return leave(trouble(error));
    localStorage.removeItem(SESSION);
    leave(OVER[error.code]);
  }
}

async function startNew() {
  try {
    const { sessionId } = await api.create(agentId, userId || visitorId());
    localStorage.setItem(SESSION, sessionId);
    await enter(sessionId);
  } catch (error) {
    leave(trouble(error));
  }
}

/** The id of somebody who is not logged in: made here, and kept. */
function visitorId() {
  const id = localStorage.getItem(USER) ?? uuid();
  localStorage.setItem(USER, id);
  return id;
}

function trouble(error) {
  return { title: "That did not work", text: error.message, button: "Try again" };
}

async function enter(sessionId) {
  const info = await api.get(sessionId);
  if (current) leave(WELCOME);
  list.clear();
  const session = new Session(api, info);
  const conversation = new Conversation(api, session, list);
  const realtime = new Realtime({
    path: socketPath,
    roomId: sessionId,
    userId: info.userId,
    onEvent: (name, data) => hear(session, conversation, name, data),
    onJoined: () => conversation.catchUp().catch(() => {}),
    onLink: (isLive) => {
      session.isLive = isLive;
      view.showLink(isLive ? "live" : "lost");
      session.refresh();
    },
  });
  current = { session, conversation, realtime };
  session.addEventListener("change", () => showLife(session));
  session.addEventListener("tick", () => showLife(session));
  session.addEventListener("over", ({ detail }) => {
    if (localStorage.getItem(SESSION) === sessionId) localStorage.removeItem(SESSION);
    leave(OVER[detail], true);
  });
  conversation.addEventListener("change", () => {
    view.showProblem("");
    view.showBusy(conversation.isBusy, conversation.canStop);
    view.showEarlier(conversation.hasEarlier);
  });
  view.showLink(null);
  view.showChat();
  view.showBusy(false, false);
  showLife(session);
  view.log.ariaBusy = "true";
  await conversation.load();
  view.log.ariaBusy = "false";
}

/** Take an event of the realtime connection. */
function hear(session, conversation, name, data) {
  if (name === "sessionExpired") session.close("SESSION_EXPIRED");
  else if (name === "sessionEnded") session.close("SESSION_NOT_FOUND");
  else if (name === "sessionRenewed") session.noteDeadline(data.expiresAt);
  else if (name === "sessionExpirationWarning") session.noteDeadline(data.expiresAt);
  else if (name === "messageError") session.refresh();
  else conversation.hear(name, data);
}

function showLife(session) {
  if (session !== current?.session) return;
  view.showTime(session.timeLeft);
  view.showWarning(session.isNearExpiration ? session.timeLeft : null);
}

/** Do something when a button is clicked, once at a time. */
function onClick(button, action) {
  let isUnderWay = false;
  button.addEventListener("click", async () => {
    if (isUnderWay) return;
    isUnderWay = true;
    view.showProblem("");
    await action().catch((error) => view.showProblem(error.message));
    isUnderWay = false;
  });
}

onClick(view.start, () => (localStorage.getItem(SESSION) ? resume() : startNew()));
onClick(view.new, startNew);

view.end.addEventListener("click", () => view.confirm.showModal());
// It may have ended by itself while the question was open.
onClick(view.endIt, async () => current?.session.end());

onClick(view.renew, async () => {
  await current.session.renew();
  view.announce("The session was renewed.");
});

onClick(view.stop, () => current.conversation.stop());

onClick(view.earlier, async () => {
  const count = await current.conversation.loadEarlier();
  view.announce(`${count} earlier messages.`);
});

view.composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const { conversation } = current;
  if (conversation.isBusy) {
    view.showProblem(`${agentName} is still answering. Wait, or press Stop.`);
    return;
  }
  const text = view.takeText();
  if (text !== null) conversation.send(text, (unsent) => view.setText(unsent));
});

resume();
