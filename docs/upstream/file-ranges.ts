// Bun applies a Range header to a whole file by itself, although the handler chose status 200. It also takes malformed
// ranges. Expected: 200 with all bytes, as malformed ranges are ignored (RFC 9110, section 14.2).
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask } from "./ask.ts";

const file = join(tmpdir(), `file-ranges-${process.pid}`);
await writeFile(file, "content");
using server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: () => new Response(Bun.file(file), { status: 200 }),
});
const answers = await Promise.all(
  ["bytes =0-1", "bytes=9-5"].map((range) =>
    ask(server.port, `GET / HTTP/1.1\r\nHost: a\r\nRange: ${range}\r\nConnection: close\r\n\r\n`),
  ),
);
const lines = answers.map((answer) => answer.split("\r\n")[0]);
console.log(JSON.stringify(lines));
process.exitCode = lines.join() === "HTTP/1.1 206 Partial Content,HTTP/1.1 416 Range Not Satisfiable" ? 0 : 1;
await rm(file);
