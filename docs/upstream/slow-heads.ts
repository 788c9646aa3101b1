// Bun closes a connection that has not sent a whole request head about 10 seconds after it was opened, however many
// bytes arrive, and whatever `idleTimeout` is. Slipway relies on this. For the next requests on a connection,
// `idleTimeout` counts from the end of the answer. Expected: a setting for both.
import { connect } from "node:net";

using server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 60,
  fetch: () => new Response("answer"),
});

/** Whether the server closes a connection within 20 seconds that sends `first`, and then one byte after the other. */
function isClosed(first: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(server.port as number, "127.0.0.1", () => socket.write(first));
    const dripping = setInterval(() => socket.write("x"), 500);
    const end = (closed: boolean) => {
      clearInterval(dripping);
      clearTimeout(timer);
      socket.destroy();
      resolve(closed);
    };
    const timer = setTimeout(() => end(false), 20_000);
    socket.on("error", () => {});
    socket.on("data", () => {});
    socket.on("close", () => end(true));
  });
}

const head = "GET / HTTP/1.1\r\nHost: a\r\n";
const [slowHead, slowSecondHead] = await Promise.all([isClosed(head), isClosed(`${head}\r\n`)]);
console.log(JSON.stringify({ slowHead, slowSecondHead }));
process.exitCode = slowHead && !slowSecondHead ? 0 : 1;
