// Has a conversation over sockets, is cut off in the middle of it, and catches up:
//   node conversation.mjs URL API_KEY SESSION_ID USER_ID documented|released TRANSPORT…
// Prints every event it is told, or why it could not connect.

import { io } from 'socket.io-client';

const [url, apiKey, sessionId, userId, protocol, ...transports] = process.argv.slice(2);
const api = `${url}/api/messaging/sessions/${sessionId}`;
const headers = { 'X-API-KEY': apiKey, 'Content-Type': 'application/json' };
const released = protocol === 'released';
const told = [];
let lastSequence = 0;

function request(method, path, body) {
  return fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
}

const socket = io(url, { auth: { apiKey, entityId: userId }, transports, reconnectionDelay: 50 });

function finish() {
  console.log(JSON.stringify(told));
  socket.disconnect();
}

socket.on('connect_error', (error) => {
  told.push(['connect_error', { message: error.message, ...error.data }]);
  finish();
});

socket.on('connect', () => {
  const room = { channelId: sessionId, entityId: userId, afterSequence: lastSequence };
  if (released) socket.emit('1', room);
  else socket.emit('join', { roomId: sessionId, afterSequence: lastSequence });
});

socket.onAny((name, payload) => {
  told.push([name, payload]);
  lastSequence = payload.sequence && payload.eventId ? payload.sequence : lastSequence;
});

let joined = 0;
socket.on('room_joined', () => {
  joined += 1;
  if (joined > 1) return;
  if (!released) return request('POST', '/messages', { content: 'Hello' });
  const message = { channelId: sessionId, senderId: userId, message: 'Hello', messageId: 'm-1' };
  socket.emit('message', { type: 2, payload: message });
});

let completed = 0;
socket.on('messageComplete', async () => {
  completed += 1;
  if (completed === 1) {
    socket.io.engine.close();
    await request('POST', '/messages', { content: 'Still there?' });
  } else {
    await request('DELETE', '');
  }
});

socket.on('sessionEnded', finish);
