/** The life of one session: its time left, signs of life, renewal and end. */

import { ApiError } from "./api.js";

const MINUTE = 60_000;
/** At most one sign of life in this many milliseconds. */
const HEARTBEAT = MINUTE;
/** How often the state is read while nothing tells of changes. */
const POLL = MINUTE / 2;

/**
 * Dispatches "change" when anything is known anew, "tick" every second, and "over" once,
 * with the ApiError's code as detail.
 */
export class Session extends EventTarget {
  /** Whether changes are told by somebody else. */
  isLive = false;
  #over = new AbortController();
  #info;
  /** How far the server's clock is ahead of this one, in milliseconds. */
  #offset = 0;
  #lastSign = 0;
  #lastRead = 0;

  /**
   * @param {import("./api.js").Api} api
   * @param {object} info As created or read; see the contract's SessionInfo.
   */
  constructor(api, info) {
    super();
    this.api = api;
    this.id = info.sessionId;
    this.agentId = info.agentId;
    this.userId = info.userId;
    this.#learn(info);
    this.#lastSign = Date.now();
    const { signal } = this.#over;
    for (const activity of ["keydown", "pointerdown"]) {
      addEventListener(activity, () => this.#giveSign(), { signal });
    }
    document.addEventListener("visibilitychange", () => this.#look(), { signal });
    const timer = setInterval(() => this.#tick(), 1000);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  /** @returns {number} Milliseconds, never negative. */
  get timeLeft() {
    return Math.max(0, Date.parse(this.#info.expiresAt) - Date.now() - this.#offset);
  }

  get isNearExpiration() {
    return this.timeLeft <= this.#info.timeoutConfig.warningThresholdMinutes * MINUTE;
  }

  /** Read the state anew, if the server can be reached. */
  async refresh() {
    this.#lastRead = Date.now();
    await this.#ask(() => this.api.get(this.id)).catch(() => {});
  }

  /**
   * Renew by hand.
   *
   * @throws {ApiError} E.g. when the session has reached its maximum duration.
   */
  renew() {
    return this.#ask(() => this.api.renew(this.id));
  }

  /** @throws {ApiError} */
  async end() {
    await this.api.end(this.id).catch((error) => {
      if (!error.isOver) throw error;
    });
    this.close("SESSION_NOT_FOUND");
  }

  /** A message was sent, which counts as a sign of life. */
  noteActivity() {
    this.#lastSign = Date.now();
    this.refresh();
  }

  /** Somebody told of a new deadline. */
  noteDeadline(expiresAt) {
    this.#learn({ ...this.#info, expiresAt, timeRemaining: undefined });
  }

  /** Stop caring; with a code, tell that it is over. */
  close(code) {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    if (code) this.dispatchEvent(new CustomEvent("over", { detail: code }));
  }

  /** Ask for something that answers the session's state. */
  async #ask(operation) {
    try {
      this.#learn(await operation());
    } catch (error) {
      if (error instanceof ApiError && error.isOver) this.close(error.code);
      throw error;
    }
  }

  #learn(info) {
    if (this.#over.signal.aborted) return;
    this.#info = info;
    if (info.timeRemaining > 0) {
      this.#offset = Date.parse(info.expiresAt) - info.timeRemaining - Date.now();
    }
    this.dispatchEvent(new Event("change"));
  }

  #giveSign() {
    // Once there is a warning, the button beside it decides.
    if (document.hidden || this.isNearExpiration) return;
    if (Date.now() - this.#lastSign < HEARTBEAT) return;
    this.#lastSign = Date.now();
    this.#ask(() => this.api.heartbeat(this.id)).catch(() => {});
  }

  #look() {
    if (!document.hidden) this.refresh();
  }

  #tick() {
    // At its end the server has the word: another tab may have renewed it.
    const since = Date.now() - this.#lastRead;
    const isDue = this.timeLeft === 0 ? since > 2000 : !this.isLive && since > POLL;
    if (isDue && !document.hidden) this.refresh();
    this.dispatchEvent(new Event("tick"));
  }
}
