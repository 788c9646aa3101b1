import type { Disturbances } from "./disturbances.ts";

/** The options of a request. */
export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** A complete answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  /** Whether the request was sent more than once, so that an earlier one may have done the work. */
  readonly repeated: boolean;
}

/** Statistics of all clients of a run. */
export interface RequestCounts {
  requests: number;
  /** Failures while an instance or the proxy was down. */
  excused: number;
  /** Descriptions of unexplained failures. */
  readonly unexplained: string[];
}

const GIVE_UP_MS = 90_000;
const REQUEST_TIMEOUT_MS = 30_000;

/** A client that retries like real ones, after a broken connection or a 5xx answer. */
export class PatientClient {
  readonly #url: string;
  readonly #disturbances: Disturbances;
  readonly #counts: RequestCounts;

  constructor(url: string, disturbances: Disturbances, counts: RequestCounts) {
    this.#url = url;
    this.#disturbances = disturbances;
    this.#counts = counts;
  }

  /** The first answer that is not a server error. */
  async call(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const deadline = performance.now() + GIVE_UP_MS;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.attempt(method, path, options);
      if (answer !== undefined) return { ...answer, repeated: attempt > 1 };
      if (performance.now() > deadline) throw new Error(`${method} ${path} did not succeed in time`);
      await Bun.sleep(Math.min(50 * 2 ** attempt, 1000) * (0.5 + Math.random() / 2));
    }
  }

  /** One attempt; `undefined` if the connection or the server failed. */
  async attempt(method: string, path: string, options: RequestOptions): Promise<Answer | undefined> {
    const began = performance.now();
    this.#counts.requests += 1;
    let failure: string;
    try {
      const response = await fetch(new URL(path, this.#url), {
        method,
        ...(options.headers && { headers: options.headers }),
        ...(options.body !== undefined && { body: options.body as Bun.BodyInit }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      const bytes = await response.bytes();
      const { status, headers } = response;
      const announced = headers.get("content-length");
      const isWhole = method === "HEAD" || announced === null || Number(announced) === bytes.byteLength;
      if (status < 500 && status !== 429 && isWhole) return { status, headers, bytes, repeated: false };
      failure = isWhole ? `answered ${status}` : `sent ${bytes.byteLength} of ${announced} bytes`;
    } catch (error) {
      failure = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
    if (this.#disturbances.excuse(began)) this.#counts.excused += 1;
    else this.#counts.unexplained.push(`${method} ${path} ${failure}`);
    return undefined;
  }
}
