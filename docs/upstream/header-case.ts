// Bun writes the names of headers as the program does, but `content-length` in lower case in answers to HEAD, and when it
// sends a file. Names mean the same in any case (RFC 9110, section 5.1). Expected: `Content-Length`, as in other answers.
import { unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask } from "./ask.ts";

const path = join(tmpdir(), `slipway-header-case-${process.pid}`);
await Bun.write(path, "content");
using server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) => (request.method === "HEAD" ? new Response("answer") : new Response(Bun.file(path))),
});
const answers = await Promise.all(
  ["HEAD", "GET"].map((method) => ask(server.port, `${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)),
);
await unlink(path);
console.log(JSON.stringify(answers));
process.exitCode = answers.every((answer) => answer.includes("\r\ncontent-length: ")) ? 0 : 1;
