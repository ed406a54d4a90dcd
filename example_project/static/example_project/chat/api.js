/** The Sessions API over HTTP: one method per operation. */

/** Milliseconds for an answer that is no stream. */
const PATIENCE = 20_000;

/** An answer that is an error, or none at all. */
export class ApiError extends Error {
  /**
   * @param {number} status The HTTP status; 0 when the server was not reached.
   * @param {string} code The contract's code.
   * @param {string} message For people.
   */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** @returns {boolean} Whether the session is over, for good. */
  get isOver() {
    return this.code === "SESSION_EXPIRED" || this.code === "SESSION_NOT_FOUND";
  }

  /** @returns {boolean} Whether the same request may work later. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export class Api {
  /** @param {string} base Address of the sessions, without a slash at the end. */
  constructor(base) {
    this.base = base;
  }

  create(agentId, userId) {
    return this.#json("POST", "", { agentId, userId });
  }

  get(sessionId) {
    return this.#json("GET", `/${sessionId}`);
  }

  renew(sessionId) {
    return this.#json("POST", `/${sessionId}/renew`);
  }

  heartbeat(sessionId) {
    return this.#json("POST", `/${sessionId}/heartbeat`);
  }

  end(sessionId) {
    return this.#json("DELETE", `/${sessionId}`);
  }

  /**
   * @param {string} sessionId
   * @param {number} [before] Cursor of the page after this one; the newest page without.
   */
  history(sessionId, before) {
    const query = before === undefined ? "" : `?before=${before}`;
    return this.#json("GET", `/${sessionId}/messages${query}`);
  }

  /** How the reply to a message stands. */
  replyState(sessionId, messageId) {
    return this.#json("GET", `/${sessionId}/messages/${messageId}/reply`);
  }

  cancel(sessionId, messageId) {
    return this.#json("POST", `/${sessionId}/messages/${messageId}/cancel`);
  }

  /**
   * Send a message.
   *
   * @param {string} sessionId
   * @param {string} content
   * @param {string} key The same for each try, so that it is sent once.
   * @param {AbortSignal} signal
   * @returns {Promise<Response>} The reply's stream.
   */
  send(sessionId, content, key, signal) {
    return this.#fetch("POST", `/${sessionId}/messages`, {
      body: { content, transport: "sse" },
      headers: { "Idempotency-Key": key },
      signal,
    });
  }

  /**
   * Follow the reply to a message that was sent before.
   *
   * @param {string} sessionId
   * @param {string} messageId The user's message.
   * @param {string} lastId The last event that is known.
   * @param {AbortSignal} signal
   * @returns {Promise<Response>} The rest of the stream; 204 when nothing is left.
   */
  follow(sessionId, messageId, lastId, signal) {
    return this.#fetch("GET", `/${sessionId}/messages/${messageId}/reply`, {
      headers: { Accept: "text/event-stream", "Last-Event-ID": lastId },
      signal,
    });
  }

  async #json(method, path, body) {
    const signal = AbortSignal.timeout(PATIENCE);
    const response = await this.#fetch(method, path, { body, signal });
    return response.json().catch(() => {
      throw unreachable();
    });
  }

  async #fetch(method, path, { body, headers, signal }) {
    const request = { method, signal, headers: { Accept: "application/json", ...headers } };
    if (method !== "GET") request.headers["X-CSRFToken"] = csrfToken();
    if (body) {
      request.headers["Content-Type"] = "application/json";
      request.body = JSON.stringify(body);
    }
    const response = await fetch(this.base + path, request).catch(() => {
      throw unreachable();
    });
    if (response.ok) return response;
    const { error } = await response.json().catch(() => ({}));
    throw new ApiError(
      response.status,
      error?.code ?? "UNKNOWN",
      error?.details || error?.message || `The server answered ${response.status}.`,
    );
  }
}

/** @returns {ApiError} */
export function unreachable() {
  return new ApiError(0, "UNREACHABLE", "The server cannot be reached.");
}

/** Wanted by Django from those who are logged in; a login changes it, so it is read anew. */
function csrfToken() {
  return /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";
}
