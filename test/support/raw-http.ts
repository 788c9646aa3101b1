import { connect, type Socket } from "node:net";

/** What came back over one connection. */
export interface RawAnswer {
  /** Everything received, as Latin-1. */
  readonly text: string;
  /** Whether the server closed the connection. */
  readonly closed: boolean;
  /** Status codes of the responses, without interim ones, found by their status lines. */
  readonly statuses: readonly number[];
}

/** When to stop waiting for more. */
export interface RawPatience {
  /** Once this many responses have begun. */
  readonly responses?: number;
  /** Milliseconds, at most. */
  readonly milliseconds?: number;
}

/** Opens a connection to a server such as `http://127.0.0.1:43210`; from a given address, if one is given. */
export async function openConnection(url: string, localAddress?: string): Promise<Socket> {
  const { hostname: host, port } = new URL(url);
  const from = localAddress === undefined ? {} : { localAddress };
  const socket = connect({ host, port: Number(port), ...from });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  // If the server disconnects while we send, that is a result, not a failure of the test.
  socket.removeAllListeners("error");
  socket.on("error", () => {});
  return socket;
}

/** Sends raw bytes over a new connection; resolves when the server closes it, or patience ends. */
export async function sendRaw(
  url: string,
  parts: readonly (string | Uint8Array)[],
  { responses = 1, milliseconds = 5000 }: RawPatience = {},
): Promise<RawAnswer> {
  const socket = await openConnection(url);
  const done = Promise.withResolvers<void>();
  let text = "";
  let closed = false;
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    if (statusesOf(text).length >= responses && text.includes("\r\n\r\n")) done.resolve();
  });
  socket.on("close", () => {
    closed = true;
    done.resolve();
  });
  const timer = setTimeout(done.resolve, milliseconds);
  for (const part of parts) {
    socket.write(typeof part === "string" ? Buffer.from(part, "latin1") : part);
    if (parts.length > 1) await Bun.sleep(2);
  }
  await done.promise;
  clearTimeout(timer);
  // Wait for the rest of the last response.
  if (!closed) await Bun.sleep(10);
  socket.destroy();
  return { text, closed, statuses: statusesOf(text) };
}

function statusesOf(text: string): readonly number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n/g)]
    .map(([, status]) => Number(status))
    .filter((status) => status >= 200);
}
