// Bun serves a new connection, and the request on it, before it looks at established connections and at timers. While
// clients keep opening connections and each request takes 2 ms, a kept-alive connection gets almost no answers.
// Expected: about as many answers for the kept-alive connection as for each of the eight others.
import { connect } from "node:net";
import { isMainThread, parentPort } from "node:worker_threads";

const REQUEST = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

if (isMainThread) {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch() {
      const end = performance.now() + 2;
      while (performance.now() < end);
      return new Response("answer");
    },
  });
  const clients = new Worker(import.meta.url);
  clients.onmessage = ({ data }) => {
    console.log(
      `${data.kept} answers on the kept-alive connection, ${data.others} on new connections, in 2 s`,
    );
    process.exit(data.kept < data.others / 80 ? 0 : 1);
  };
  clients.postMessage(server.port);
} else {
  parentPort?.once("message", async (port: number) => {
    let [kept, others] = [0, 0];
    const probe = connect(port, "127.0.0.1", () => probe.write(REQUEST));
    probe.on("data", () => {
      kept += 1;
      probe.write(REQUEST);
    });
    await Bun.sleep(100);
    kept = 0;
    const again = () => {
      const socket = connect(port, "127.0.0.1", () => socket.write(REQUEST));
      socket.on("data", () => {
        others += 1;
        socket.destroy();
        again();
      });
    };
    for (let i = 0; i < 8; i++) again();
    await Bun.sleep(2000);
    parentPort?.postMessage({ kept, others });
  });
}
