import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy that can cut connections in the middle of an answer. */
export interface SeveringProxy extends AsyncDisposable {
  readonly address: string;
  /** Cuts each of the next `times` answers once that many bytes of it have passed. */
  severAfter(bytes: number, times: number): void;
  /** Connections cut so far. */
  severed(): number;
}

/** Starts a proxy in front of a server of 127.0.0.1, on a free port. */
export async function startSeveringProxy(port: number): Promise<SeveringProxy> {
  let limit = 0;
  let left = 0;
  let severed = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    let passed = 0;
    client.on("data", (chunk) => {
      passed = 0;
      upstream.write(chunk);
    });
    upstream.on("data", (chunk) => {
      passed += chunk.length;
      if (left > 0 && passed > limit) {
        left -= 1;
        severed += 1;
        client.destroy();
        upstream.destroy();
        return;
      }
      if (!client.write(chunk)) upstream.pause();
    });
    client.on("drain", () => upstream.resume());
    for (const [socket, peer] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => peer.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        peer.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const listening = server.address();
  if (listening === null || typeof listening === "string") throw new Error("the proxy has no port");
  return {
    address: `127.0.0.1:${listening.port}`,
    severAfter(bytes, times) {
      limit = bytes;
      left = times;
    },
    severed: () => severed,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
