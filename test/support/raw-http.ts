import { connect, type Socket } from "node:net";

/** The server's answer on one connection. */
export interface RawAnswer {
  /** Everything received, as Latin-1. */
  readonly text: string;
  /** Whether the server closed the connection. */
  readonly closed: boolean;
  /** Status codes of the responses, without interim ones, found by their status lines. */
  readonly statuses: readonly number[];
}

const STATUS_LINE = /HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n/g;

/** A safety net: the server answers or closes the connection long before. */
const GIVE_UP_MS = 60_000;

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

/**
 * Sends raw bytes over a new connection; resolves once `responses` responses are complete, or the server has closed the
 * connection.
 *
 * @throws when neither happens within a minute
 */
export async function sendRaw(
  url: string,
  parts: readonly (string | Uint8Array)[],
  { responses = 1 }: { readonly responses?: number } = {},
): Promise<RawAnswer> {
  const socket = await openConnection(url);
  const done = Promise.withResolvers<void>();
  const isHead = typeof parts.at(-1) === "string" && (parts.at(-1) as string).startsWith("HEAD ");
  let text = "";
  let closed = false;
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    if (isComplete(text, responses, isHead)) done.resolve();
  });
  socket.on("close", () => {
    closed = true;
    done.resolve();
  });
  const failure = () => done.reject(new Error(`no answer, and the connection stays open: ${text}`));
  const timer = setTimeout(failure, GIVE_UP_MS);
  try {
    for (const part of parts) {
      socket.write(typeof part === "string" ? Buffer.from(part, "latin1") : part);
      // Send the parts in separate packets, as far as possible.
      if (parts.length > 1) await Bun.sleep(2);
    }
    await done.promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
  return { text, closed, statuses: statusesOf(text) };
}

/**
 * Whether `text` contains that many responses, the last one with its whole body. With `isHead`, that one has no body.
 */
function isComplete(text: string, responses: number, isHead: boolean): boolean {
  const last = [...text.matchAll(STATUS_LINE)].filter(([, status]) => Number(status) >= 200)[responses - 1];
  const headEnd = last === undefined ? -1 : text.indexOf("\r\n\r\n", last.index);
  if (last === undefined || headEnd < 0) return false;
  const head = text.slice(last.index, headEnd).toLowerCase();
  if (isHead || /^http\/1\.1 (?:204|304) /.test(head)) return true;
  if (head.includes("transfer-encoding: chunked")) return text.endsWith("0\r\n\r\n");
  const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? Number.POSITIVE_INFINITY);
  return text.length >= headEnd + "\r\n\r\n".length + length;
}

function statusesOf(text: string): readonly number[] {
  return [...text.matchAll(STATUS_LINE)]
    .map(([, status]) => Number(status))
    .filter((status) => status >= 200);
}
