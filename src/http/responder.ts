import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import { LOOP_TURNS } from "../concurrency/loop-turns.ts";
import type { AddedHeaders } from "./browsers/added-headers.ts";
import type { Reply } from "./reply.ts";
import type { ResponseObserver } from "./response-observer.ts";
import type { SentFiles } from "./sent-files.ts";
import { observedStream } from "./stream-of.ts";

/** Bytes of a file that the system accepts at once, whether or not the client reads them. */
const SENT_AT_ONCE_BYTES = 2.5 * 1024 * 1024;
const SENT_BYTES_PER_MS = 4 * 1024 * 1024;

/** A request that has arrived. */
export interface Arrival {
  readonly request: Request;
  /** The decoded path. */
  readonly path: string;
  /** When it arrived, in milliseconds of the clock; 0 if responses are not observed. */
  readonly at: number;
}

/** What may be done to every response. */
export interface ResponderOptions {
  readonly added?: AddedHeaders | undefined;
  readonly observer?: ResponseObserver | undefined;
}

/** Turns replies into responses, and observes how each response ends. */
export class Responder {
  readonly #sentFiles: SentFiles;
  readonly #added: AddedHeaders | undefined;
  readonly #observer: ResponseObserver | undefined;
  readonly #clock: Clock;

  constructor(sentFiles: SentFiles, { added, observer }: ResponderOptions = {}, clock: Clock = SYSTEM_CLOCK) {
    this.#sentFiles = sentFiles;
    this.#added = added;
    this.#observer = observer;
    this.#clock = clock;
  }

  /** Notes that a request has arrived. */
  arrived(request: Request, path: string): Arrival {
    return { request, path, at: this.#observer === undefined ? 0 : this.#clock.now() };
  }

  /** The response that the server sends for `reply`. */
  respond(reply: Reply, arrival: Arrival): Response {
    const { status, file } = reply;
    const headers = this.#added?.with(reply.headers, arrival.request) ?? reply.headers;
    if (file !== undefined) {
      LOOP_TURNS.spend(Math.min(file.sentBytes, SENT_AT_ONCE_BYTES) / SENT_BYTES_PER_MS);
    }
    const body = (
      this.#observer === undefined ? this.#watched(reply, arrival) : this.#observed(reply, arrival)
    ) as Exclude<Reply["body"], Uint8Array> | Uint8Array<ArrayBuffer>;
    // Bun is a tenth faster when it is not told the status that it would choose anyway.
    return status === 200 ? new Response(body, { headers }) : new Response(body, { status, headers });
  }

  #watched({ body, file }: Reply, { request }: Arrival): Reply["body"] {
    if (file !== undefined) this.#sentFiles.watch(request, file);
    return body;
  }

  /** The reply's body, set up so that its end is reported. */
  #observed({ status, body, file }: Reply, { request, path, at }: Arrival): Reply["body"] {
    const end = (sentBytes: number | undefined, isComplete: boolean) =>
      this.#observer?.ended({
        ...{ method: request.method, path, status, sentBytes, isComplete },
        durationMs: this.#clock.now() - at,
      });
    if (body instanceof ReadableStream) return observedStream(body, end);
    const size = file?.sentBytes ?? sizeOf(body);
    const isWatched =
      file !== undefined &&
      this.#sentFiles.watch(request, file, (isComplete) => end(isComplete ? size : undefined, isComplete));
    if (!isWatched) end(size, true);
    return body;
  }
}

function sizeOf(body: Uint8Array | string | Blob | null): number {
  if (body === null) return 0;
  if (typeof body === "string") return Buffer.byteLength(body);
  return body instanceof Blob ? body.size : body.byteLength;
}
