import type { Random } from "../../support/random.ts";
import { RegistryClient } from "../../support/registry-client.ts";
import { type SampleContent, sampleBlock } from "./sample-content.ts";
import type { Tally } from "./tally.ts";
import { type Answer, Wire, type WireOptions } from "./wire.ts";

/** A request over a new connection. */
export interface LoadRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | SampleContent;
  /** How fast to read the answer; by default as fast as possible. */
  readonly bytesPerSecond?: number;
}

/** Options of one run of a pattern. */
export interface StageOptions {
  readonly url: string;
  readonly random: Random;
  /** Ends the run: everything open is closed then. */
  readonly signal: AbortSignal;
  readonly tally: Tally;
  /** Factor for every pause; 0 for clients without pauses. */
  readonly pace: number;
  /** How long the mix lasts, in seconds. Some sizes grow with it. */
  readonly seconds: number;
}

/** The tools of a pattern: connections that end with the run, pauses, and a count of the answers. */
export class Stage {
  readonly url: string;
  readonly random: Random;
  readonly seconds: number;
  readonly client: RegistryClient;
  readonly #options: StageOptions;
  readonly #open = new Set<Wire>();

  constructor(options: StageOptions) {
    this.url = options.url;
    this.random = options.random;
    this.seconds = options.seconds;
    this.client = new RegistryClient({ url: options.url });
    this.#options = options;
    options.signal.addEventListener("abort", () => {
      for (const wire of this.#open) wire.close();
    });
  }

  get ended(): boolean {
    return this.#options.signal.aborted;
  }

  /** Counts an answer, or a missing one. Counts nothing after the end of the run, which breaks open connections. */
  count(answer: Answer | undefined): void {
    if (this.ended) return;
    if (answer === undefined) this.#options.tally.add("no answer");
    else this.#options.tally.add(answer.whole ? String(answer.status) : `${answer.status} cut`);
  }

  /** Counts something else. */
  note(label: string): void {
    if (!this.ended) this.#options.tally.add(label);
  }

  /** Opens a connection that is closed at the end of the run; `undefined` if the server does not accept it. */
  async connect(options: WireOptions = {}): Promise<Wire | undefined> {
    if (this.ended) return undefined;
    const wire = await Wire.open(this.url, options);
    if (wire === undefined) {
      this.note("not accepted");
      await this.rest(100, 1);
      return undefined;
    }
    this.#open.add(wire);
    void wire.closed.then(() => this.#open.delete(wire));
    if (this.ended) wire.close();
    return wire;
  }

  /** Sends a request over a new connection and counts its answer. */
  async ask(request: LoadRequest): Promise<Answer | undefined> {
    const { method, bytesPerSecond = Number.POSITIVE_INFINITY } = request;
    const wire = await this.connect({ bytesPerSecond, head: method === "HEAD" });
    if (wire === undefined) return undefined;
    this.note("asked");
    await this.send(wire, { ...request, headers: { connection: "close", ...request.headers } });
    const answer = await wire.answer;
    this.count(answer);
    wire.close();
    return answer;
  }

  /** Sends a request over an open connection. The caller awaits the answer. */
  async send(wire: Wire, { method, path, headers = {}, body }: LoadRequest): Promise<void> {
    const size =
      body === undefined ? undefined : body instanceof Uint8Array ? body.byteLength : body.sizeBytes;
    const length = size === undefined ? {} : { "content-length": String(size) };
    if (!(await wire.send(requestHead(method, path, { ...length, ...headers }))) || body === undefined)
      return;
    for (const piece of body instanceof Uint8Array ? [body] : body.pieces()) {
      if (!(await wire.send(piece))) return;
    }
  }

  /** Waits for about this time multiplied by `pace`, but not beyond the end. */
  async rest(milliseconds: number, pace: number = this.#options.pace): Promise<void> {
    const endAt = performance.now() + milliseconds * pace * (0.5 + this.random.below(1000) / 1000);
    do await Bun.sleep(Math.min(100, Math.max(0, endAt - performance.now())));
    while (performance.now() < endAt && !this.ended);
  }

  /** Runs this many clients at once. Each repeats its work until the run ends. */
  async clients(count: number, work: (client: number) => Promise<unknown>): Promise<void> {
    const loop = async (client: number) => {
      while (!this.ended) {
        await work(client);
        await Bun.sleep(0);
      }
    };
    await Promise.all(Array.from({ length: count }, (_, client) => loop(client)));
  }

  /** Random bytes that several contents can share. */
  block(): Uint8Array {
    return sampleBlock(this.random);
  }
}

/** The first line and the header of a request, up to and with the empty line. */
export function requestHead(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const lines = Object.entries({ host: "registry", ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `${[`${method} ${path} HTTP/1.1`, ...lines].join("\r\n")}\r\n\r\n`;
}
