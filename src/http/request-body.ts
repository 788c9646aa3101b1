import type { ByteSource } from "../oci/byte-source.ts";

/**
 * The request's body, read as fast as its consumer takes it; of no bytes when there is none.
 *
 * A chunk is the consumer's until it asks for the next one; then its memory is given back at once. Garbage collection
 * would come too late: many uploads at a time bring in more bytes than it sees.
 */
export function bodyOf(request: Request): ByteSource {
  const { body } = request;
  return body === null ? NO_BYTES : { [Symbol.asyncIterator]: () => new BodyIterator(body) };
}

const NO_BYTES: ByteSource = {
  async *[Symbol.asyncIterator]() {},
};

class BodyIterator implements AsyncIterator<Uint8Array> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #last: Uint8Array | undefined;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#giveBack();
    const { done, value } = await this.#reader.read();
    if (done) return { done: true, value: undefined };
    this.#last = value;
    return { done: false, value };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#giveBack();
    await this.#reader.cancel();
    return { done: true, value: undefined };
  }

  #giveBack(): void {
    const buffer = this.#last?.buffer;
    this.#last = undefined;
    // Moving the bytes into a buffer of none frees them.
    if (buffer instanceof ArrayBuffer) buffer.transfer(0);
  }
}
