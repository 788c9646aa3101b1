import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";

/** A range below the ports that systems use for outgoing connections, which could take one at any moment. */
const [FIRST, END] = [12_000, 32_000];

/**
 * Finds a port of 127.0.0.1 on which nothing listens. No other test gets it while this process lives, because this
 * process reserves the UDP port of the same number. The system releases that when the process ends, however it ends.
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
