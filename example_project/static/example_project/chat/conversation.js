/** What is said in one session: history, sending, and replies as they come. */

import { ApiError } from "./api.js";
import { streamReply } from "./stream.js";
import { uuid } from "./uuid.js";

/** Dispatches "change" when what can be done has changed. */
export class Conversation extends EventTarget {
  #left = new AbortController();
  #earlier;
  /** The user's message that is being answered here. */
  #answering = null;
  isBusy = false;

  /**
   * @param {import("./api.js").Api} api
   * @param {import("./session.js").Session} session
   * @param {import("./messages.js").MessageList} list
   */
  constructor(api, session, list) {
    super();
    this.api = api;
    this.session = session;
    this.list = list;
  }

  /** Show the newest messages, and follow the replies that are still to come. */
  async load() {
    const { messages, hasMore, cursors } = await this.api.history(this.session.id);
    this.#earlier = hasMore ? cursors.before : undefined;
    this.#show(messages);
    this.#changed();
    this.#followUnfinished(messages).catch(() => this.session.refresh());
  }

  /** Show the newest messages that are not shown yet. */
  async catchUp() {
    const { messages } = await this.api.history(this.session.id);
    this.#show(messages);
  }

  get canStop() {
    return this.#answering !== null;
  }

  get hasEarlier() {
    return this.#earlier !== undefined;
  }

  /** @returns {Promise<number>} How many messages there were. */
  async loadEarlier() {
    const page = await this.api.history(this.session.id, this.#earlier);
    this.#earlier = page.hasMore ? page.cursors.before : undefined;
    this.list.keepPlace(() => this.#show(page.messages));
    this.#changed();
    return page.messages.length;
  }

  /**
   * Send a message and follow the reply. What fails is shown with the message.
   *
   * @param {string} text
   * @param {(text: string) => void} edit Takes the text of a message that was not sent.
   */
  send(text, edit) {
    return this.#try(text, uuid(), this.list.addDraft(text), edit);
  }

  /** Ask the agent to stop. */
  async stop() {
    if (!this.#answering) return;
    try {
      await this.api.cancel(this.session.id, this.#answering);
    } catch (error) {
      // It may have come to its end by itself.
      if (!(error instanceof ApiError && error.status === 409)) throw error;
    }
  }

  /** Take a realtime event about what is said. */
  hear(name, data) {
    const isAgent = data.senderId === this.session.agentId;
    if (name === "messageBroadcast") {
      const createdAt = new Date(data.createdAt).toISOString();
      this.list.put({ id: data.id, content: data.text, createdAt, isAgent });
    } else if (name === "messageStreamChunk") {
      this.list.addChunk(data.messageId, data.index, data.chunk);
    } else if (name === "messageStreamError") {
      this.list.fail(data.messageId, data.partialText, data.error);
    }
  }

  /** Nobody looks any more; replies go on without us. */
  leave() {
    this.#left.abort();
    this.list.freeze();
  }

  /** @param {object[]} messages A page of history, newest first. */
  #show(messages) {
    for (const message of messages.toReversed()) this.list.put(message, false);
  }

  async #try(text, key, draft, edit) {
    this.list.markPending(draft);
    const open = (lastId) =>
      this.#answering
        ? this.api.follow(this.session.id, this.#answering, lastId, this.#left.signal)
        : this.api.send(this.session.id, text, key, this.#left.signal);
    try {
      await this.#follow(open, null, (message) => {
        this.#answering = message.id;
        this.#changed();
        this.list.confirm(draft, message);
        this.session.noteActivity();
      });
    } catch (error) {
      if (this.#left.signal.aborted) return;
      this.session.refresh();
      // It arrived, and only the reply has been lost sight of.
      if (draft.dataset.id) return this.load().catch(() => {});
      this.list.markFailed(draft, error.message, {
        "Try again": () => this.isBusy || this.#try(text, key, draft, edit),
        Edit: () => {
          draft.remove();
          edit(text);
        },
      });
    }
  }

  /** The replies that are still to come belong to the newest of the user's messages. */
  async #followUnfinished(messages) {
    const unfinished = [];
    for (const { id } of messages.filter((message) => !message.isAgent)) {
      const reply = await this.api.replyState(this.session.id, id);
      if (reply.finishedAt) {
        if (reply.error && !reply.agentResponse) this.list.note(id, reply.error.message);
        break;
      }
      unfinished.unshift(id);
    }
    for (const id of unfinished) {
      this.#answering = id;
      const open = (lastId) =>
        this.api.follow(this.session.id, id, lastId, this.#left.signal);
      await this.#follow(open, "0");
    }
  }

  async #follow(open, lastId, onSent) {
    this.#setBusy(true);
    try {
      for await (const { name, data } of streamReply(open, lastId, this.#left.signal)) {
        if (name === "user_message") onSent(data);
        else if (name === "chunk") this.list.addChunk(data.messageId, data.index, data.chunk);
        else if (name === "done") this.list.put(data);
        else if (name === "error") this.#fail(data);
      }
    } finally {
      this.#answering = null;
      this.#setBusy(false);
    }
  }

  #fail({ messageId, partialText, message }) {
    this.list.fail(messageId, partialText, message);
    // It may have failed because the session is over.
    this.session.refresh();
  }

  #setBusy(isBusy) {
    if (this.#left.signal.aborted) return;
    this.isBusy = isBusy;
    this.list.setThinking(isBusy);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
