// The probe, a separate process: requests a tiny manifest at a steady pace over one kept-alive connection.
import { serveMessages } from "./worker-process.ts";

/** Where to send requests, and for how long. */
export interface ProbeRequest {
  readonly url: string;
  readonly path: string;
  readonly milliseconds: number;
}

/** The probe's results. */
export interface ProbeReply {
  /** How long each answer took, in milliseconds, in the order in which they were due. */
  readonly latencies: readonly number[];
  /** How often the server closed the connection or answered other than 200. */
  readonly failures: number;
}

/** Time between two requests, in milliseconds. */
const INTERVAL_MS = 5;

/** A request that takes this long, in milliseconds, counts as failed, and the probe opens a new connection. */
const GIVE_UP_MS = 10_000;

/** One kept-alive connection with one request at a time. */
class ProbeConnection {
  #answered: ((isGood: boolean) => void) | undefined;
  #received = "";
  #isOpen = false;
  #socket: Bun.Socket<undefined> | undefined;

  /** Resolves to whether the answer was 200 and whole. */
  async ask(request: ProbeRequest): Promise<boolean> {
    if (!this.#isOpen) await this.#connect(new URL(request.url));
    const answer = new Promise<boolean>((resolve) => {
      this.#answered = resolve;
    });
    this.#received = "";
    this.#socket?.write(`GET ${request.path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const timer = setTimeout(() => this.#end(), GIVE_UP_MS);
    const isGood = await answer;
    clearTimeout(timer);
    return isGood;
  }

  async #connect({ hostname, port }: URL): Promise<void> {
    this.#socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        data: (_, chunk) => this.#read(chunk.toString("latin1")),
        close: () => this.#end(),
        error: () => this.#end(),
      },
    });
    this.#isOpen = true;
  }

  #read(text: string): void {
    this.#received += text;
    const head = this.#received.indexOf("\r\n\r\n");
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#received)?.[1]);
    if (head >= 0 && this.#received.length >= head + 4 + length)
      this.#answered?.(this.#received.startsWith("HTTP/1.1 200 "));
  }

  #end(): void {
    this.#isOpen = false;
    this.#socket?.terminate();
    this.#answered?.(false);
  }
}

const connection = new ProbeConnection();

/**
 * Sends requests at fixed moments. A late answer delays the requests after it, as it would for any client on this
 * connection. So each is timed from the moment at which it was due. Otherwise a server that is silent for seconds would
 * count as one slow answer among many fast ones.
 */
async function measure(request: ProbeRequest): Promise<ProbeReply> {
  const latencies: number[] = [];
  let failures = 0;
  const startedAt = performance.now();
  const count = Math.floor(request.milliseconds / INTERVAL_MS);
  let wasLate = false;
  for (let i = 0; i < count; i++) {
    const dueAt = startedAt + i * INTERVAL_MS;
    const early = dueAt - performance.now();
    if (early > 0) await Bun.sleep(early);
    // If only our own timer was late, do not blame the server.
    const since = wasLate ? dueAt : performance.now();
    if (!(await connection.ask(request).catch(() => false))) failures += 1;
    const answeredAt = performance.now();
    latencies.push(answeredAt - since);
    wasLate = answeredAt > dueAt + INTERVAL_MS;
  }
  return { latencies, failures };
}

serveMessages(measure);
