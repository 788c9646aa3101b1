/**
 * A stream of bytes. A chunk is valid until the consumer requests the next one; copy it to keep it. If the source
 * throws, the consumer must discard what it read.
 */
export type ByteSource = AsyncIterable<Uint8Array>;

/** A response body: a slice of a file or bytes in memory, sent without a copy, or a stream, sent with backpressure. */
export type ByteBody = Blob | ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>;

/** Reads the bytes of a body; works once. */
export async function* bodyChunks(body: ByteBody): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else for await (const chunk of body instanceof Blob ? body.stream() : body) yield chunk;
}

/** An empty source. */
export async function* nothing(): AsyncGenerator<Uint8Array> {}
