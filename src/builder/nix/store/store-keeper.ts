import type { Logger } from "../../../log.ts";
import type { NixStore } from "./nix-store.ts";

/** How far a store is emptied once it has too much, so that this happens seldom. */
const EMPTY_TO = 0.8;

/** Keeps a store below its size: collects, in the background, what no build and no package set needs. */
export class StoreKeeper implements AsyncDisposable {
  readonly #store: NixStore;
  readonly #maxBytes: number;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #isWanted = false;

  constructor(store: NixStore, maxBytes: number, log: Logger) {
    this.#store = store;
    this.#maxBytes = maxBytes;
    this.#log = log;
  }

  /** Looks at the size soon; once more after a look that is going on. */
  tidy(): void {
    this.#isWanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Ends a look that is going on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the server is stopping"));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (this.#isWanted && !signal.aborted) {
      this.#isWanted = false;
      try {
        const bytes = await this.#store.sizeBytes(signal);
        if (bytes <= this.#maxBytes) continue;
        const excess = bytes - this.#maxBytes * EMPTY_TO;
        await this.#store.collect(excess, signal);
        this.#log.info({ bytes, maxBytes: this.#maxBytes }, "removed unused paths from the Nix store");
      } catch (err) {
        if (!signal.aborted) this.#log.warn({ err }, "could not remove unused paths from the Nix store");
      }
    }
  }
}
