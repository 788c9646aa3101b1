/** Bytes as they come. A source that throws has failed: its consumer must not keep what it read. */
export type ByteSource = AsyncIterable<Uint8Array>;

/** What a response sends: a file's slice goes out without being copied, a stream with backpressure. */
export type ByteBody = Blob | ReadableStream<Uint8Array>;
