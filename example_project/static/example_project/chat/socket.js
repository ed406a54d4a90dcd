/** As much of a Socket.IO client (protocol 5 over Engine.IO 4, WebSocket only) as is needed here. */

import { pause } from "./backoff.js";

/** Engine.IO's packets, and Socket.IO's within its messages, start with these. */
const OPEN = "0";
const CLOSE = "1";
const PING = "2";
const PONG = "3";
const CONNECT = "40";
const DISCONNECT = "41";
const EVENT = "42";
const CONNECT_ERROR = "44";

export class Socket {
  #failures = 0;
  #closed = false;
  #connected = false;
  #timer = 0;

  /**
   * Connect, and again whenever the connection is lost, until closed.
   *
   * @param {string} path Where the server listens, e.g. "/socket.io/".
   * @param {object} auth What the server gets to know with each connection.
   * @param {object} handlers
   * @param {() => void} handlers.onConnect Connected, for the first time or again.
   * @param {() => void} handlers.onDisconnect The connection was lost.
   * @param {(name: string, data: any) => void} handlers.onEvent An event of the server's.
   */
  constructor(path, auth, handlers) {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.address = `${scheme}//${location.host}${path}?EIO=4&transport=websocket`;
    this.auth = auth;
    this.handlers = handlers;
    this.#open();
  }

  /** Send an event; dropped while there is no connection. */
  emit(name, data) {
    if (this.#connected) this.websocket.send(EVENT + JSON.stringify([name, data]));
  }

  close() {
    this.#closed = true;
    this.websocket.close();
  }

  #open() {
    this.websocket = new WebSocket(this.address);
    this.websocket.onmessage = ({ data }) => this.#receive(data);
    this.websocket.onclose = () => this.#lost();
  }

  async #lost() {
    clearTimeout(this.#timer);
    if (this.#connected && !this.#closed) this.handlers.onDisconnect();
    this.#connected = false;
    await pause(this.#failures);
    this.#failures += 1;
    if (!this.#closed) this.#open();
  }

  #receive(packet) {
    this.#expectPing();
    if (packet.startsWith(OPEN)) {
      const { pingInterval, pingTimeout } = JSON.parse(packet.slice(1));
      this.silence = pingInterval + pingTimeout;
      this.websocket.send(CONNECT + JSON.stringify(this.auth));
    } else if (packet === PING) {
      this.websocket.send(PONG);
    } else if (packet.startsWith(CONNECT)) {
      this.#connected = true;
      this.#failures = 0;
      this.handlers.onConnect();
    } else if (packet.startsWith(EVENT)) {
      const [name, data] = JSON.parse(packet.slice(EVENT.length));
      this.handlers.onEvent(name, data);
    } else if ([CLOSE, DISCONNECT, CONNECT_ERROR].some((kind) => packet.startsWith(kind))) {
      this.websocket.close();
    }
  }

  /** A connection that is silent for longer than the server announced is dead. */
  #expectPing() {
    clearTimeout(this.#timer);
    if (this.silence) this.#timer = setTimeout(() => this.#abandon(), this.silence);
  }

  #abandon() {
    // A dead connection may take minutes to close, so it is not waited for.
    this.websocket.onclose = this.websocket.onmessage = null;
    this.websocket.close();
    this.#lost();
  }
}
