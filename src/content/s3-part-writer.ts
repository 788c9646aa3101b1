import type { BufferHolder, PartBuffers } from "./part-buffers.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { tailKey, wholeKey } from "./s3-keys.ts";
import type { S3Part } from "./s3-multiparts.ts";
import {
  type S3Bytes,
  type S3UploadSession,
  type S3UploadState,
  sizeOf,
  writeSession,
} from "./s3-upload-state.ts";

/** Maximum parts of an S3 upload, less one for the tail. */
const MAX_PARTS = 9_999;

/**
 * Appends to an upload in a bucket: full parts as parts, the rest as the tail object.
 *
 * It sends one part while it fills the next, and sends a part only after the previous one is stored, so there are
 * never gaps. If it has to yield its buffer, the gathered bytes go into the tail object and are read back later.
 */
export class S3PartWriter implements BufferHolder {
  readonly #bucket: S3Bucket;
  readonly #buffers: PartBuffers;
  readonly #before: S3UploadState;
  readonly #parts: Pick<S3Part, "number" | "size" | "etag">[];
  #session: S3UploadSession | undefined;
  #tail: S3Bytes | undefined;
  #staleTail: string | undefined;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #gathered = 0;
  #sending: Promise<void> = Promise.resolve();
  #yielding: Promise<void> | undefined;
  #failure: { readonly cause: unknown } | undefined;
  #isWriting = false;
  heldSince = performance.now();

  constructor(bucket: S3Bucket, buffers: PartBuffers, state: S3UploadState) {
    this.#bucket = bucket;
    this.#buffers = buffers;
    this.#before = state;
    this.#parts = [...state.parts];
    this.#session = state.session;
    this.#tail = state.tail;
  }

  /** Takes the chunk; waits if there is no buffer for it. Rejects if a part could not be stored. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#isWriting = true;
    try {
      await this.#waitForYield();
      for (let taken = 0; taken < chunk.byteLength; ) {
        const buffer = this.#buffer ?? (await this.#refill());
        const part = chunk.subarray(taken, taken + buffer.byteLength - this.#gathered);
        buffer.set(part, this.#gathered);
        this.#gathered += part.byteLength;
        taken += part.byteLength;
        if (this.#gathered === buffer.byteLength) await this.#submit(buffer);
      }
    } finally {
      this.#isWriting = false;
    }
  }

  /** Stores the gathered bytes and releases the buffers; resolves to the new state of the upload. */
  async finish(): Promise<S3UploadState> {
    try {
      await this.#waitForYield();
      await this.#sending;
      await this.#storeTail();
    } finally {
      await this.#sending.catch(() => undefined);
      this.#releaseBuffer();
    }
    if (this.#staleTail !== undefined) await this.#bucket.delete(this.#staleTail);
    const changed = { session: this.#session, parts: this.#parts, tail: this.#tail };
    return { ...this.#before, ...changed, modifiedAt: new Date() };
  }

  yieldBuffer(): void {
    if (this.#isWriting || this.#yielding !== undefined) return;
    this.#yielding = this.#sending
      .then(() => this.#storeTail())
      .finally(() => {
        this.#releaseBuffer();
        this.#yielding = undefined;
      });
    // The next write or finish reports the failure. Until then nothing awaits this promise.
    this.#yielding.catch((cause: unknown) => {
      this.#failure ??= { cause };
    });
  }

  /** Waits until a buffer is yielded; rejects if its bytes were lost. */
  async #waitForYield(): Promise<void> {
    await this.#yielding;
    if (this.#failure !== undefined) throw this.#failure.cause;
  }

  /** A buffer that begins with the tail's bytes, if there are any. It is ours only once it has them. */
  async #refill(): Promise<Uint8Array<ArrayBuffer>> {
    // Parts were larger when this tail was written, so it is long enough to be a part.
    if (this.#tail !== undefined && this.#tail.size >= this.#buffers.size) await this.#promote(this.#tail);
    const buffer = await this.#buffers.acquire(this);
    try {
      if (this.#tail !== undefined) buffer.set(await this.#load(this.#tail));
    } catch (error) {
      this.#buffers.retire(this);
      this.#buffers.release(buffer);
      throw error;
    }
    this.#buffer = buffer;
    this.#gathered = this.#tail?.size ?? 0;
    this.heldSince = performance.now();
    return buffer;
  }

  async #load(tail: S3Bytes): Promise<Uint8Array> {
    const found = await this.#bucket.get(tail.key, undefined, tail.etag);
    const bytes = found && new Uint8Array(await new Response(found.body).arrayBuffer());
    if (bytes?.byteLength !== tail.size) throw new Error(`${tail.key} has changed`);
    return bytes;
  }

  async #promote(tail: S3Bytes): Promise<void> {
    await this.#addPart(tail.size, (key, multipartId, number) =>
      this.#bucket.multiparts.copyPart(key, multipartId, number, tail),
    );
    this.#replaceTail();
  }

  async #submit(buffer: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#sending;
    this.#buffers.retire(this);
    this.#buffer = undefined;
    this.#gathered = 0;
    this.#replaceTail();
    this.#sending = this.#addPart(buffer.byteLength, (key, multipartId, number) =>
      this.#bucket.multiparts.uploadPart(key, multipartId, number, buffer),
    ).finally(() => this.#buffers.release(buffer));
    // The next submit or finish reports the failure. Until then nothing awaits this promise.
    this.#sending.catch(() => undefined);
  }

  async #addPart(
    size: number,
    store: (key: string, multipartId: string, number: number) => Promise<string>,
  ): Promise<void> {
    const number = this.#parts.length + 1;
    if (number > MAX_PARTS) {
      throw new Error(`more than ${MAX_PARTS} parts: the part size is too small for this blob`);
    }
    this.#session ??= await this.#beginSession();
    const { generation, multipartId } = this.#session;
    const etag = await store(wholeKey(this.#before.id, generation), multipartId, number);
    this.#parts.push({ number, size, etag });
  }

  /** The tail's bytes are in a part now, so its object can be removed once that part is stored. */
  #replaceTail(): void {
    this.#staleTail ??= this.#tail?.key;
    this.#tail = undefined;
  }

  async #beginSession(): Promise<S3UploadSession> {
    const { id } = this.#before;
    const session = { multipartId: await this.#bucket.multiparts.create(wholeKey(id, 0)), generation: 0 };
    await writeSession(this.#bucket, id, session);
    return session;
  }

  /** Stores what is gathered as the tail. A tail is only ever replaced by a longer one, which begins with its bytes. */
  async #storeTail(): Promise<void> {
    const stored = this.#tail?.size ?? 0;
    if (this.#buffer === undefined || this.#gathered === stored) return;
    if (this.#gathered < stored) throw new Error(`${this.#tail?.key} may not get shorter`);
    const key = tailKey(this.#before.id, sizeOf(this.#parts));
    const etag = await this.#bucket.put(key, this.#buffer.subarray(0, this.#gathered));
    this.#tail = { key, size: this.#gathered, etag };
  }

  #releaseBuffer(): void {
    this.#buffers.retire(this);
    if (this.#buffer !== undefined) this.#buffers.release(this.#buffer);
    this.#buffer = undefined;
    this.#gathered = 0;
  }
}
