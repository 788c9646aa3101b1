// When a file ends early while Bun sends it, Bun takes the answer for finished and keeps the connection.
// Expected: a closed connection, so that the client does not wait for the missing bytes.
import { rm, truncate, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SIZE = 64 << 20;
const file = join(tmpdir(), `shortened-${process.pid}`);
await writeFile(file, new Uint8Array(SIZE));

let answered: Request | undefined;
await using server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 60,
  fetch: (request) => {
    answered = request;
    return new Response(Bun.file(file));
  },
});

let received = 0;
let closed = false;
const socket = connect(server.port ?? 0, "127.0.0.1");
socket.on("close", () => {
  closed = true;
});
const head = new Promise<void>((resolve) => {
  socket.on("data", (chunk: Buffer) => {
    if (received === 0) socket.pause();
    received += chunk.byteLength;
    resolve();
  });
});
socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
await head;
await truncate(file, 1 << 20);
socket.resume();
await Bun.sleep(1500);

const isOver = answered !== undefined && server.requestIP(answered) === null;
console.log(`received ${received} of ${SIZE} bytes; answer over: ${isOver}; connection closed: ${closed}`);
process.exitCode = isOver && !closed && received < SIZE ? 0 : 1;
socket.destroy();
await rm(file);
