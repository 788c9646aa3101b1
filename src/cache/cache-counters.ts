/** Counts of a cache's hits, misses and failures since the process started. */
export interface CacheCounts {
  readonly hits: number;
  readonly misses: number;
  /** Calls that failed or took too long. */
  readonly errors: number;
  readonly fills: number;
  /** Look-ups that skipped the cache because it was not trusted at the time. */
  readonly bypasses: number;
}

/** Counts what a cache does. */
export class CacheCounters {
  readonly #counts = { hits: 0, misses: 0, errors: 0, fills: 0, bypasses: 0 };

  /** Adds one to a count. */
  count(kind: keyof CacheCounts): void {
    this.#counts[kind] += 1;
  }

  /** The current counts. */
  snapshot(): CacheCounts {
    return { ...this.#counts };
  }
}
