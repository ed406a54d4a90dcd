// The released ElizaOS server, with an agent that always says the same.
// Usage: node serve.mjs PORT DATA_DIRECTORY [silent]; POSTGRES_URL names the database.
import { AgentServer } from "@elizaos/server";

const ANSWER = `<response>
  <thought>Greet them.</thought>
  <actions>REPLY</actions>
  <text>Hello from ElizaOS.</text>
</response>`;
const DECISION = `<response>
  <name>Eliza</name>
  <reasoning>They greet me.</reasoning>
  <action>RESPOND</action>
</response>`;
const offline = {
  name: "offline",
  description: "Answers without a model.",
  models: {
    TEXT_SMALL: async () => DECISION,
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
const [port, dataDir, silent] = process.argv.slice(2);
process.env.CENTRAL_MESSAGE_SERVER_URL = `http://127.0.0.1:${port}`;
const server = new AgentServer();
await server.start({
  port: Number(port),
  dataDir,
  postgresUrl: process.env.POSTGRES_URL,
  agents: [{ character, plugins: [offline] }],
});
if (silent) {
  for (const agent of server.elizaOS.getAgents()) {
    await (await agent.getServiceLoadPromise("message-bus-service")).stop();
  }
}
console.log("READY");
