// The released ElizaOS server, with an agent that always says the same.
// Usage: node serve.mjs PORT DATA_DIRECTORY
import { AgentServer } from "@elizaos/server";

const ANSWER = `<response>
  <thought>Greet them.</thought>
  <actions>REPLY</actions>
  <text>Hello from ElizaOS.</text>
</response>`;
const offline = {
  name: "offline",
  description: "Answers without a model.",
  models: {
    TEXT_SMALL: async () => ANSWER,
    TEXT_LARGE: async () => ANSWER,
    TEXT_EMBEDDING: async () => Array(384).fill(0.1),
  },
};
const character = {
  id: "b850bc30-45f8-0041-a00a-83df46d8555d",
  name: "Eliza",
  bio: ["Greets."],
  plugins: [],
};

process.env.SERVER_HOST = "127.0.0.1";
process.env.ELIZA_UI_ENABLE = "false";
const [port, dataDir] = process.argv.slice(2);
const agents = [{ character, plugins: [offline] }];
await new AgentServer().start({ port: Number(port), dataDir, agents });
console.log("READY");
