/** What a program in namespaces tells the server: pieces of bytes, each with a kind. */
export interface Frame {
  readonly kind: FrameKind;
  readonly bytes: Buffer;
}

/**
 * `ready`: the program runs and waits for its ids. `output`: what a command wrote. `ended`: how it ended, as JSON.
 * `bytes`: a piece of a result. `opened`: the program has opened its folders. `filled`: one is complete, and the next archive can come. `done`: the result is complete. `failed`: it is not; the reason.
 */
export type FrameKind = "ready" | "output" | "ended" | "bytes" | "opened" | "filled" | "done" | "failed";

const KINDS: readonly FrameKind[] = [
  "ready",
  "output",
  "ended",
  "bytes",
  "opened",
  "filled",
  "done",
  "failed",
];
const HEADER_BYTES = 5;
const MAX_FRAME_BYTES = 1 << 20;

/** The bytes of a frame; at most 1 MiB of content. */
export function frameOf(kind: FrameKind, content: Uint8Array | string = ""): Buffer {
  const bytes = Buffer.from(content as string);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(KINDS.indexOf(kind), 0);
  header.writeUInt32LE(bytes.byteLength, 1);
  return Buffer.concat([header, bytes]);
}

/**
 * The frames in a stream of bytes; ends where the stream ends.
 *
 * @throws {Error} if a frame is damaged
 */
export async function* framesIn(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let pending = Buffer.alloc(0);
  for await (const chunk of stream) {
    pending = pending.byteLength === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
    for (;;) {
      if (pending.byteLength < HEADER_BYTES) break;
      const kind = KINDS[pending.readUInt8(0)];
      const size = pending.readUInt32LE(1);
      if (kind === undefined || size > MAX_FRAME_BYTES) throw new Error("a frame is damaged");
      if (pending.byteLength < HEADER_BYTES + size) break;
      yield { kind, bytes: pending.subarray(HEADER_BYTES, HEADER_BYTES + size) };
      pending = pending.subarray(HEADER_BYTES + size);
    }
  }
}
