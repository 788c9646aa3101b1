// Sends HEAD requests and prints requests per second. wrk cannot do this: it waits for a body that never comes. Usage:
// bun bench/head-load.ts URL CONNECTIONS SECONDS
import { argv, exit } from "node:process";

const [address = "", connections = "32", seconds = "3"] = argv.slice(2);
const url = new URL(address);
const request = Buffer.from(`HEAD ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
const success = Buffer.from("HTTP/1.1 200 ");
const endOfHead = Buffer.from("\r\n\r\n");

let answered = 0;
for (let count = Number(connections); count > 0; count -= 1) {
  await Bun.connect({
    hostname: url.hostname,
    port: Number(url.port),
    socket: {
      open: (socket) => void socket.write(request),
      data(socket, received) {
        if (
          !received.subarray(0, success.length).equals(success) ||
          !received.subarray(-4).equals(endOfHead)
        ) {
          throw new Error(`not one whole answer of status 200: ${received.toString("latin1").slice(0, 200)}`);
        }
        answered += 1;
        socket.write(request);
      },
      error: (_socket, error) => {
        throw error;
      },
      close: () => {
        throw new Error("the server closed a connection");
      },
    },
  });
}

const started = performance.now();
answered = 0;
await Bun.sleep(Number(seconds) * 1000);
console.log(Math.round((answered / (performance.now() - started)) * 1000));
exit(0);
