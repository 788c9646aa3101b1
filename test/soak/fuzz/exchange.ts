import { openConnection } from "../../support/raw-http.ts";

/** An answer read from the wire. */
export interface RawResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** How one exchange ended. */
export type Exchanged =
  | { readonly kind: "answered"; readonly response: RawResponse }
  /** The server closed the connection without an answer, which is allowed for invalid HTTP. */
  | { readonly kind: "closed" }
  /** The server sent nothing for too long. */
  | { readonly kind: "silent" };

/** How long to wait for an answer, in milliseconds. */
const ANSWER_WITHIN_MS = 10_000;

/**
 * When to close the sending side of a request that may be incomplete, in milliseconds, so that the server does not wait
 * for the rest.
 */
const END_AFTER_MS = 100;

/**
 * Sends bytes over a new connection and reads one answer. If the request `mayStall`, because it could promise more
 * bytes than it has, soon closes the sending side.
 */
export async function exchange(
  url: string,
  bytes: Uint8Array,
  { head, mayStall }: { readonly head: boolean; readonly mayStall: boolean },
): Promise<Exchanged> {
  const socket = await openConnection(url);
  const ended = Promise.withResolvers<Exchanged>();
  let received = Buffer.alloc(0);
  const look = (closed: boolean) => {
    const response = readResponse(received, head, closed);
    if (response !== undefined) ended.resolve({ kind: "answered", response });
    else if (closed) ended.resolve({ kind: "closed" });
  };
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    look(false);
  });
  socket.on("close", () => look(true));
  const timer = setTimeout(() => ended.resolve({ kind: "silent" }), ANSWER_WITHIN_MS);
  const ending = mayStall ? setTimeout(() => socket.end(), END_AFTER_MS) : undefined;
  socket.write(bytes);
  const result = await ended.promise;
  clearTimeout(timer);
  clearTimeout(ending);
  socket.destroy();
  return result;
}

/** The first final answer in `received`, once it is complete. */
function readResponse(received: Buffer, head: boolean, closed: boolean): RawResponse | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = received.subarray(0, end).toString("latin1").split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]);
  const rest = received.subarray(end + 4);
  if (status === 100) return readResponse(rest, head, closed);
  const headers = new Map(
    lines.map((line) => [
      line.slice(0, line.indexOf(":")).toLowerCase(),
      line.slice(line.indexOf(":") + 1).trim(),
    ]),
  );
  if (head || status === 204 || status === 304) return { status, headers, body: Buffer.alloc(0) };
  if (headers.get("transfer-encoding") === "chunked") {
    const body = readChunks(rest);
    return body && { status, headers, body };
  }
  const length = Number(headers.get("content-length") ?? 0);
  return rest.length >= length ? { status, headers, body: rest.subarray(0, length) } : undefined;
}

function readChunks(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16);
    if (bytes.length < lineEnd + 4 + size) return undefined;
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 4 + size;
  }
}
