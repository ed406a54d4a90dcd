/** Replies as server-sent events, through fetch: EventSource can neither POST nor set headers. */

import { ApiError, unreachable } from "./api.js";
import { pause } from "./backoff.js";

/** Milliseconds without a byte until a connection counts as dead; the server speaks every 15 s. */
const SILENCE = 40_000;

/**
 * @typedef {object} StreamEvent
 * @property {string} id
 * @property {"user_message" | "chunk" | "done" | "error"} name
 * @property {any} data
 */

/**
 * Yield a reply's events up to its end, however often the connection is cut.
 *
 * @param {(lastId: string | null) => Promise<Response>} open Opens the stream after an event.
 * @param {string | null} lastId The last event that is known. As long as there is none, a
 *   failure is the caller's to handle: the message may not have been sent.
 * @param {AbortSignal} signal Nobody listens any more.
 * @yields {StreamEvent}
 */
export async function* streamReply(open, lastId, signal) {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      const response = await open(lastId);
      if (response.status === 204) return;
      for await (const event of readEvents(response)) {
        lastId = event.id;
        failures = 0;
        yield event;
        if (event.name === "done" || event.name === "error") return;
      }
    } catch (error) {
      if (lastId === null || !(error instanceof ApiError && error.isPassing)) throw error;
    }
    if (lastId === null) throw unreachable();
    await pause(failures);
  }
}

async function* readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    while (true) {
      const { done, value } = await orSilence(reader.read());
      if (done) return;
      const blocks = (text + value).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        if (!block.startsWith(":")) yield parse(block);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Fails with ours whatever goes wrong, or when nothing happens for long. */
function orSilence(reading) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(unreachable()), SILENCE);
    reading.then(resolve, () => reject(unreachable())).finally(() => clearTimeout(timer));
  });
}

function parse(block) {
  const fields = {};
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ");
    fields[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return { id: fields.id, name: fields.event, data: JSON.parse(fields.data) };
}
