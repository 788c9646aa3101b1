import { type ByteSource, nothing } from "../../bytes/byte-source.ts";
import { freeBytes } from "../../bytes/free-bytes.ts";
import { LOOP_TURNS } from "../../concurrency/loop-turns.ts";
import { nextTurn } from "../../concurrency/next-turn.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import type { IdleTimer } from "../request-context.ts";
import type { BodyMemory, BodyShare } from "./body-memory.ts";
import { ClientPace } from "./client-pace.ts";

/** The body of a request. The opener disposes of it after the answer. */
export interface RequestBody extends Disposable {
  /** Whether the request has no body, or an empty one. */
  readonly isEmpty: boolean;
  /** Its bytes, read as fast as they are consumed; none if there is no body. */
  readonly chunks: ByteSource;
  /** How fast the client sends it. */
  readonly pace: ClientPace;
  /** Call this if you will not request the next chunk for a long time: other bodies are read in the meantime. */
  rest(): void;
}

/** The empty body of a request without one. */
const NO_BODY: RequestBody = {
  isEmpty: true,
  chunks: nothing(),
  pace: new ClientPace({ pause: () => {}, resume: () => {} }),
  rest: () => {},
  [Symbol.dispose]: () => {},
};

/** Whether the request comes with a body, which takes memory from the moment it arrives. */
function hasBody({ method, headers }: Request): boolean {
  return method !== "GET" && method !== "HEAD" && statedLength(headers) !== 0;
}

/**
 * Opens the request's body. Call it at once when the request arrives, because Bun receives some of the body before
 * anyone reads it.
 *
 * The idle timeout counts only while the server waits for the client, and stops when the whole body has arrived.
 *
 * @throws {RegistryError} `too-many-requests` if there is no memory for another body
 * @throws {RegistryError} `request-invalid` if the request announces trailers; {@link RequestBody.chunks} throws it
 * if they come unannounced
 */
export function openBody(request: Request, idleTimer: IdleTimer, bodies: BodyMemory): RequestBody {
  if (!hasBody(request)) return NO_BODY;
  if (request.headers.has("trailer")) throw trailersUnsupported();
  const length = statedLength(request.headers);
  const share = bodies.open(length);
  const pace = new ClientPace(idleTimer);
  // Until its turn comes, the client waits for the server.
  pace.pause();
  const open = length === undefined ? chunked(request) : () => request.body ?? nothing();
  return {
    isEmpty: false,
    chunks: releasedChunks(open, pace, share),
    pace,
    rest: () => share.rest(),
    [Symbol.dispose]: () => share[Symbol.dispose](),
  };
}

/**
 * Opens a chunked body, which fails if trailers follow it: Bun passes on such a body as complete, and breaks the
 * connection in the same turn of the event loop.
 */
function chunked(request: Request): () => ByteSource {
  // Get the signal now: one that is created later does not know that the connection is broken.
  const { signal } = request;
  return async function* () {
    yield* request.body ?? nothing();
    await nextTurn();
    if (signal.aborted) throw trailersUnsupported();
  };
}

function trailersUnsupported(): RegistryError {
  return new RegistryError("request-invalid", "trailers are not supported");
}

/**
 * The length in the header. Does not touch the body itself: if a touched body is refused, Bun keeps what it receives of
 * it.
 */
function statedLength(headers: Headers): number | undefined {
  if (headers.has("transfer-encoding")) return undefined;
  return Number(headers.get("content-length") ?? 0);
}

/**
 * Yields the chunks of the body that it opens, in turns with other bodies. Frees a chunk's memory when the next one is
 * requested.
 *
 * Use it only for request bodies, whose chunks own their buffers. With garbage collection alone, many concurrent
 * uploads would need twice the memory. The reader must be done with a chunk, or have copied it, before it asks for
 * another.
 */
export async function* releasedChunks(
  open: () => ByteSource,
  idleTimer: IdleTimer,
  share: Omit<BodyShare, keyof Disposable>,
): AsyncGenerator<Uint8Array> {
  await share.begin();
  // Open the body only now, because Bun receives an open body faster.
  const iterator = open()[Symbol.asyncIterator]();
  try {
    for (;;) {
      await share.begin();
      idleTimer.resume();
      const asked = iterator.next();
      share.listen();
      const { done, value: chunk } = await asked;
      // The request has already been answered, so other requests use its memory and its connection.
      if (share.isClosed) throw new Error("the request is over");
      idleTimer.pause();
      if (done) return;
      await share.arrived();
      await LOOP_TURNS.nextPiece();
      yield chunk;
      freeBytes(chunk);
      share.pass();
    }
  } finally {
    await iterator.return?.();
  }
}
