const KEPT_BYTES = 64 << 10;
const MAX_LINE_CHARACTERS = 64 << 10;

/** What a stage writes: its lines, and its last 64 KiB. */
export class StageOutput {
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #decoder = new TextDecoder();
  #tail = Buffer.alloc(0);
  #line = "";
  #bytes = 0;

  /** @param onLine called for each line, without its end */
  constructor(onLine: ((line: string) => void) | undefined) {
    this.#onLine = onLine;
  }

  /** Number of bytes so far. */
  get byteCount(): number {
    return this.#bytes;
  }

  /** The last 64 KiB. */
  get tail(): string {
    return this.#tail.toString("utf8");
  }

  /** Adds bytes, and calls for each line that they complete. */
  add(bytes: Uint8Array): void {
    this.#bytes += bytes.byteLength;
    this.#tail = Buffer.concat([this.#tail, bytes]).subarray(-KEPT_BYTES);
    if (this.#onLine === undefined) return;
    const lines = (this.#line + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#line = (lines.pop() ?? "").slice(0, MAX_LINE_CHARACTERS);
    for (const line of lines) this.#onLine(line.slice(0, MAX_LINE_CHARACTERS));
  }

  /** Calls for the last line, if it has no end. */
  finish(): void {
    if (this.#line !== "") this.#onLine?.(this.#line);
    this.#line = "";
  }
}
