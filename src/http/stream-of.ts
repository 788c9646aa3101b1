import type { ByteSource } from "../bytes/byte-source.ts";
import { LOOP_TURNS } from "../concurrency/loop-turns.ts";

/**
 * A stream that reads from `source` only as fast as its consumer does, and fails when the source does. Chunks take turns
 * with requests, so that a hundred streams that begin together do not block the event loop.
 */
export function streamOf(source: ByteSource): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        await LOOP_TURNS.nextPart();
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/** The same stream. Calls `onEnd` with the number of bytes that were read, and whether the stream ended normally. */
export function observedStream(
  stream: ReadableStream<Uint8Array>,
  onEnd: (readBytes: number, isComplete: boolean) => void,
): ReadableStream<Uint8Array> {
  return streamOf(counted(stream, onEnd));
}

async function* counted(
  stream: ReadableStream<Uint8Array>,
  onEnd: (readBytes: number, isComplete: boolean) => void,
): AsyncGenerator<Uint8Array> {
  let readBytes = 0;
  let isComplete = false;
  try {
    for await (const chunk of stream) {
      yield chunk;
      readBytes += chunk.byteLength;
    }
    isComplete = true;
  } finally {
    onEnd(readBytes, isComplete);
  }
}
