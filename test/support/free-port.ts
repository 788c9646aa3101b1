import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";

/** Below the ports that systems give to outgoing connections, which would take one at any moment. */
const [FIRST, END] = [12_000, 32_000];

/**
 * A port of 127.0.0.1 that nobody listens on, and that no other test is given while this process lives: each holds the
 * port of the same number for datagrams, which the system takes back when the process ends, however it ends.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    if ((await isReserved(port)) && isUnused(port)) return port;
  }
}

async function isReserved(port: number): Promise<boolean> {
  const socket = createSocket({ type: "udp4", reuseAddr: false });
  try {
    socket.bind({ address: "127.0.0.1", port, exclusive: true });
    await once(socket, "listening");
  } catch {
    socket.close();
    return false;
  }
  socket.unref();
  return true;
}

function isUnused(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
