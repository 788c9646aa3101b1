// Bun closes the connection, without an answer, when it does not know a method. Methods are case-sensitive, so "get"
// is such a method. Expected: 501, or a call of `fetch` (RFC 9110, section 9.1).
import { ask } from "./ask.ts";

using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("answer") });
const answers = await Promise.all(
  ["get", "FOO"].map((method) => ask(server.port, `${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)),
);
console.log(JSON.stringify(answers));
process.exitCode = answers.every((answer) => answer === "") ? 0 : 1;
