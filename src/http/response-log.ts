import type { Logger } from "../log.ts";
import type { EndedResponse, ResponseObserver } from "./response-observer.ts";

/** Logs each response in one line, at level `debug`. */
export class ResponseLog implements ResponseObserver {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  ended({ durationMs, ...response }: EndedResponse): void {
    this.#log.debug({ ...response, durationMs: Math.round(durationMs) }, "response ended");
  }
}
