// Bun passes on a chunked body with trailers as complete, and then answers 400 and closes the connection, even if the
// handler has answered already. Expected: the trailers are ignored (RFC 9110, section 6.5.1), or the body fails.
import { ask } from "./ask.ts";

using server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: async (request) => new Response(`received ${(await request.bytes()).byteLength} bytes`),
});
const body = "3\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n";
const answers = await ask(
  server.port,
  `PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
);
console.log(JSON.stringify(answers));
process.exitCode = answers.includes("received 3 bytes") && answers.includes("HTTP/1.1 400") ? 0 : 1;
