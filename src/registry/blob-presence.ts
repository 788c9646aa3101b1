import { LRUCache } from "lru-cache";
import { type Awaitable, whenReady } from "../concurrency/awaitable.ts";
import type { BlobDescriptor, BlobProvider } from "../content/blob-services.ts";
import type { Logger } from "../log.ts";
import type { Digest } from "../oci/digest.ts";

/** Minimum time between two log lines about the same lost blob, in milliseconds. */
const REPORT_INTERVAL_MS = 3_600_000;
const MAX_REPORTED = 1_000;

/**
 * Checks whether the content behind a link really exists.
 *
 * A disk can lose content that the metadata still links. If clients could see such a blob, they would skip the push
 * that restores it. So it does not exist for anyone until it is pushed again.
 */
export class BlobPresence {
  readonly #provider: BlobProvider;
  readonly #log: Logger;
  readonly #reported = new LRUCache<Digest, true>({ max: MAX_REPORTED, ttl: REPORT_INTERVAL_MS });

  constructor(provider: BlobProvider, log: Logger) {
    this.#provider = provider;
    this.#log = log;
  }

  /** Whether a linked blob can be served; logs it if not. */
  holds(blob: BlobDescriptor): Awaitable<boolean> {
    return whenReady(this.#provider.holds(blob), (held) => {
      if (!held) this.report(blob);
      return held;
    });
  }

  /** Logs that a linked blob is lost. */
  report({ digest, size }: BlobDescriptor): void {
    if (this.#reported.has(digest)) return;
    this.#reported.set(digest, true);
    this.#log.warn(
      { digest, size },
      "a blob is missing or damaged; it does not exist until it is pushed again",
    );
  }
}
