import { connect, type Socket } from "node:net";

/** What came back over one connection. */
export interface RawAnswer {
  /** Everything received, as Latin-1. */
  readonly text: string;
  /** Whether the server closed the connection. */
  readonly closed: boolean;
  /** Status codes of the responses, interim ones left out, as far as they can be told apart by their first line. */
  readonly statuses: readonly number[];
}

/** When to stop waiting for more. */
export interface RawPatience {
  /** Once so many responses have begun. */
  readonly responses?: number;
  /** Milliseconds, at most. */
  readonly milliseconds?: number;
}

/** Opens a connection to a server such as `http://127.0.0.1:43210`. */
export async function openConnection(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  // A server that hangs up while we still send is an answer, not a failure of the test.
  socket.removeAllListeners("error");
  socket.on("error", () => {});
  return socket;
}

/** Sends bytes as they are over a connection of their own; resolves when the server closed it, or patience ends. */
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
  // What belongs to the last response is on its way.
  if (!closed) await Bun.sleep(10);
  socket.destroy();
  return { text, closed, statuses: statusesOf(text) };
}

function statusesOf(text: string): readonly number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n/g)]
    .map(([, status]) => Number(status))
    .filter((status) => status >= 200);
}
