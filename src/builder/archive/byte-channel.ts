/** Bytes to gather before the reader gets them. */
const GATHERED_BYTES = 1 << 16;

/** Passes bytes from one writer to one reader, which is at most one chunk behind. Gathers small pieces. */
export class ByteChannel {
  readonly #gathered = new Uint8Array(GATHERED_BYTES);
  #filled = 0;
  /** What the reader gets next, and how to tell the writer that it has been read. */
  #offered: { readonly chunk: Uint8Array; readonly taken: () => void } | undefined;
  #wake: (() => void) | undefined;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;

  /** Resolves when the bytes are copied or read, so that the caller can use them again. @throws what {@link fail} got */
  async write(bytes: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    if (bytes.byteLength > GATHERED_BYTES - this.#filled) {
      await this.#flush();
      if (bytes.byteLength >= GATHERED_BYTES) return this.#offer(bytes);
    }
    this.#gathered.set(bytes, this.#filled);
    this.#filled += bytes.byteLength;
  }

  /** Ends the stream. Resolves when everything has been read. */
  async end(): Promise<void> {
    await this.#flush();
    this.#hasEnded = true;
    this.#wake?.();
  }

  /** Breaks the stream for both sides, unless it has ended or is broken already. */
  fail(error: unknown): void {
    if (this.#hasEnded) return;
    this.#failure ??= { error };
    this.#offered?.taken();
    this.#wake?.();
  }

  /** The bytes. A chunk is valid until the next one is requested. */
  async *read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.#throwIfFailed();
      const offered = this.#offered;
      if (offered !== undefined) {
        yield offered.chunk;
        this.#offered = undefined;
        offered.taken();
      } else if (this.#hasEnded) return;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    }
  }

  async #flush(): Promise<void> {
    if (this.#filled === 0) return;
    const chunk = this.#gathered.subarray(0, this.#filled);
    this.#filled = 0;
    await this.#offer(chunk);
  }

  async #offer(chunk: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#offered = { chunk, taken: resolve };
    this.#wake?.();
    await promise;
    this.#throwIfFailed();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
