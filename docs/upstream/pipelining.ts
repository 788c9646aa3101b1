// Bun closes the connection, without an answer, when a second request arrives before the first one is answered.
// Expected: two answers, in the order of the requests (RFC 9112, section 9.3.2).
import { ask } from "./ask.ts";

using server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch() {
    await Bun.sleep(20);
    return new Response("answer");
  },
});
const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const answers = await ask(server.port, request + request);
console.log(JSON.stringify(answers));
process.exitCode = answers === "" ? 0 : 1;
