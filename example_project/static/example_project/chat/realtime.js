/** What happens in a session, in order and once, whatever the connection goes through. */

import { Socket } from "./socket.js";

export class Realtime {
  /** The newest durable event that is known; they are numbered without gaps. */
  #sequence = null;

  /**
   * @param {object} options
   * @param {string} options.path Where the server listens.
   * @param {string} options.roomId The session.
   * @param {string} options.userId
   * @param {(name: string, data: any) => void} options.onEvent
   * @param {() => void} options.onJoined In the room for the first time: what happened before
   *   is not told, and has to be read.
   * @param {(isLive: boolean) => void} options.onLink The connection came or went.
   */
  constructor({ path, roomId, userId, onEvent, onJoined, onLink }) {
    this.roomId = roomId;
    this.onEvent = onEvent;
    this.onJoined = onJoined;
    this.onLink = onLink;
    this.socket = new Socket(path, { entityId: userId }, {
      onConnect: () => this.#join(),
      onDisconnect: () => onLink(false),
      onEvent: (name, data) => this.#receive(name, data),
    });
  }

  close() {
    this.socket.close();
  }

  #join() {
    const known = this.#sequence === null ? {} : { afterSequence: this.#sequence };
    this.socket.emit("join", { roomId: this.roomId, ...known });
  }

  #receive(name, data) {
    if (name === "room_joined") {
      this.onLink(true);
      if (this.#sequence === null) {
        this.#sequence = data.sequence;
        this.onJoined();
      }
      return;
    }
    // Answers have a sequence, too; an eventId is what is told of again.
    if (data?.eventId && this.#sequence !== null) {
      if (data.sequence <= this.#sequence) return;
      this.#sequence = data.sequence;
    }
    this.onEvent(name, data);
  }
}
