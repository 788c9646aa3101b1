// Bun resolves "..", "%2e%2e" and "\" in request.url, so a handler cannot see the path that the client sent.
// Expected: a way to read the request target as it was sent, as `request.url` of node:http gives.
import { ask } from "./ask.ts";

using server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: ({ url }) => new Response(new URL(url).pathname),
});
const answer = await ask(
  server.port,
  "GET /public/%2e%2e\\private HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
);
console.log(JSON.stringify(answer));
process.exitCode = answer.endsWith("\r\n\r\n/private") ? 0 : 1;
