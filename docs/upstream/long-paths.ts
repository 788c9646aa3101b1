// Bun matches no more than 100 parts of a path: a longer path reaches the handler of a route with its end cut off.
// Expected: all parameters, or no match.
import { ask } from "./ask.ts";

const PARTS = 101;
const names = Array.from({ length: PARTS }, (_, index) => `part${index}`);
using server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  routes: {
    [`/${names.map((name) => `:${name}`).join("/")}`]: ({ params }: Bun.BunRequest<string>) =>
      new Response(`${Object.values(params).filter((value) => value === "x").length} of ${PARTS}`),
  },
  fetch: () => new Response("no match"),
});
const path = "/x".repeat(PARTS);
const answer = await ask(server.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
console.log(JSON.stringify(answer));
process.exitCode = /\r\n\r\n\d+ of/.test(answer) && !answer.endsWith(`${PARTS} of ${PARTS}`) ? 0 : 1;
