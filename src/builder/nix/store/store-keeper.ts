import type { Logger } from "../../../log.ts";
import type { NixStore } from "./nix-store.ts";

/** A store that is too large is collected down to this share of its maximum size, so that collections are rare. */
const EMPTY_TO = 0.8;

/** Keeps a store below its maximum size. Removes, in the background, paths that no build and no package set needs. */
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

  /** Checks the size in the background. If a check is already running, another one follows it. */
  tidy(): void {
    this.#isWanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Ends a running check. */
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
