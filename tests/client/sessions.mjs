// Drives the released client, unmodified, and prints what each call came to:
//   node sessions.mjs BASE_URL API_KEY < [{"method": …, "args": […]}, …]
// An argument {"$date": ms} becomes a Date.

import { text } from 'node:stream/consumers';

import { ElizaClient } from '@elizaos/api-client';

const [baseUrl, apiKey] = process.argv.slice(2);
const { sessions } = ElizaClient.create({ baseUrl, apiKey });

function revive(key, value) {
  return value?.$date === undefined ? value : new Date(value.$date);
}

async function call({ method, args }) {
  try {
    const value = await sessions[method](...args);
    // JSON has no undefined, which is what the released server's answers become.
    return value === undefined ? { isUndefined: true } : { value };
  } catch (error) {
    const { name, code, message, details, status } = error;
    return { error: { name, code, message, details, status } };
  }
}

const results = [];
for (const step of JSON.parse(await text(process.stdin), revive)) {
  results.push(await call(step));
}
console.log(JSON.stringify(results));
