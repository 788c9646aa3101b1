import type { Socket } from "bun";

/** An answer received over a {@link Wire}. */
export interface Answer {
  readonly status: number;
  /** Values by lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** Whether the body is complete. */
  readonly whole: boolean;
}

/** How a client behaves on its connection. */
export interface WireOptions {
  /** Maximum reading speed; 0 reads nothing. By default as fast as possible. */
  readonly bytesPerSecond?: number;
  /** Whether it sends `HEAD`, whose answer has no body. */
  readonly head?: boolean;
}

/** Bytes written at a time, so that nothing is buffered for a server that reads slowly. */
const PIECE_BYTES = 64 * 1024;

/**
 * A client's connection with a controlled speed. It counts the bytes of bodies without keeping them, and sends bytes
 * that the kernel does not accept again later.
 */
export class Wire {
  readonly #bytesPerSecond: number;
  readonly #reader: AnswerReader;
  readonly #answer = Promise.withResolvers<Answer | undefined>();
  readonly #closing = Promise.withResolvers<void>();
  #socket: Socket<undefined> | undefined;
  #isClosed = false;
  #drained: (() => void) | undefined;

  private constructor({ bytesPerSecond = Number.POSITIVE_INFINITY, head = false }: WireOptions) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#reader = new AnswerReader(head);
  }

  /** Connects; `undefined` when the server does not accept. */
  static async open(url: string, options: WireOptions = {}): Promise<Wire | undefined> {
    const { hostname, port } = new URL(url);
    const wire = new Wire(options);
    try {
      await Bun.connect({
        hostname,
        port: Number(port),
        socket: {
          open: (socket) => wire.#opened(socket),
          data: (socket, chunk) => wire.#received(socket, chunk),
          drain: () => wire.#resumeSending(),
          close: () => wire.#ended(),
          error: () => wire.#ended(),
        },
      });
      return wire;
    } catch {
      return undefined;
    }
  }

  /** The answer, or the part received before the connection ended; `undefined` if the server closed without one. */
  get answer(): Promise<Answer | undefined> {
    return this.#answer.promise;
  }

  /** Resolves when either side has closed the connection. */
  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  /** Sends text or bytes; resolves to whether the kernel accepted all of it. */
  async send(content: string | Uint8Array): Promise<boolean> {
    const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
    for (let at = 0; at < bytes.byteLength; ) {
      if (this.#isClosed || this.#socket === undefined) return false;
      const written = this.#socket.write(bytes.subarray(at, at + PIECE_BYTES));
      if (written < 0) return false;
      at += written;
      if (written === 0) await this.#drain();
    }
    return !this.#isClosed;
  }

  close(): void {
    this.#socket?.terminate();
    this.#ended();
  }

  #opened(socket: Socket<undefined>): void {
    this.#socket = socket;
    if (this.#bytesPerSecond === 0) socket.pause();
  }

  #received(socket: Socket<undefined>, chunk: Uint8Array): void {
    this.#reader.add(chunk);
    if (this.#reader.isWhole) this.#answer.resolve(this.#reader.answer);
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) return;
    socket.pause();
    setTimeout(() => this.#isClosed || socket.resume(), (chunk.byteLength / this.#bytesPerSecond) * 1000);
  }

  async #drain(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
  }

  #resumeSending(): void {
    this.#drained?.();
    this.#drained = undefined;
  }

  #ended(): void {
    this.#isClosed = true;
    this.#resumeSending();
    this.#closing.resolve();
    this.#answer.resolve(this.#reader.answer);
  }
}

/** Reads the first final answer. Counts its body, but does not keep it. */
class AnswerReader {
  readonly #isHead: boolean;
  #head = "";
  #answer: Answer | undefined;
  #length = Number.POSITIVE_INFINITY;
  #received = 0;
  #tail = "";

  constructor(isHead: boolean) {
    this.#isHead = isHead;
  }

  add(chunk: Uint8Array): void {
    if (this.#answer !== undefined) {
      this.#count(chunk);
      return;
    }
    const before = this.#head.length;
    this.#head += Buffer.from(chunk).toString("latin1");
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0) return;
    const rest = chunk.subarray(end + 4 - before);
    const answer = readHead(this.#head.slice(0, end));
    this.#head = "";
    if (answer.status >= 200) {
      this.#answer = answer;
      if (this.#isHead) this.#length = 0;
      else if (!answer.headers.has("transfer-encoding"))
        this.#length = Number(answer.headers.get("content-length") ?? 0);
      this.#count(rest);
    } else if (rest.byteLength > 0) this.add(rest);
  }

  get isWhole(): boolean {
    if (this.#answer === undefined) return false;
    return this.#received >= this.#length || this.#tail.endsWith("0\r\n\r\n");
  }

  get answer(): Answer | undefined {
    return this.#answer && { ...this.#answer, whole: this.isWhole };
  }

  #count(bytes: Uint8Array): void {
    this.#received += bytes.byteLength;
    this.#tail = (this.#tail + Buffer.from(bytes.subarray(-5)).toString("latin1")).slice(-5);
  }
}

function readHead(text: string): Answer {
  const [first = "", ...lines] = text.split("\r\n");
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(first.split(" ")[1]), headers: new Map(fields), whole: false };
}
