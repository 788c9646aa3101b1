/**
 * Bytes as they come. A chunk is its consumer's until the next one is asked for; who keeps it copies it. A source that
 * throws has failed: its consumer must not keep what it read.
 */
export type ByteSource = AsyncIterable<Uint8Array>;

/** What a response sends: a file's slice and bytes in memory go out as they are, a stream with backpressure. */
export type ByteBody = Blob | ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>;

/** The bytes of a body, read once. */
export async function* chunksOf(body: ByteBody): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else for await (const chunk of body instanceof Blob ? body.stream() : body) yield chunk;
}
