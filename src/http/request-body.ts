import type { ByteSource } from "../oci/byte-source.ts";
import type { Exchange, IdleTimer } from "./exchange.ts";

/**
 * The request's body, read as fast as its consumer takes it; of no bytes when there is none. The idle time-out counts
 * only while the client is waited for, and no longer once all of the body is here.
 */
export function bodyOf({ request, idleTimer }: Pick<Exchange, "request" | "idleTimer">): ByteSource {
  return releasedChunks(request.body ?? nothing(), idleTimer);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/**
 * Gives what `source` gives, and frees each chunk's memory when the next one is asked for.
 *
 * For the body of a request alone, whose chunks own their buffers: left to the garbage collector, many uploads at
 * once hold twice the memory. Whoever reads must be done with a chunk, or have copied it, before asking for another.
 */
export async function* releasedChunks(source: ByteSource, idleTimer: IdleTimer): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    idleTimer.pause();
    yield chunk;
    if (chunk.buffer instanceof ArrayBuffer && !chunk.buffer.detached) chunk.buffer.transfer(0);
    idleTimer.resume();
  }
  idleTimer.pause();
}
