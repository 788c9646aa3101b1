import { LRUCache } from "lru-cache";
import type { ByteSource } from "../bytes/byte-source.ts";
import type { ReferrersCursor } from "./referrers-cursor.ts";

/** A page of referrers. */
export interface ReferrersPage {
  /**
   * The descriptors of the entries as JSON, separated by commas. For a long list, a function that reads them in pieces.
   */
  readonly descriptors: Uint8Array | (() => ByteSource);
  /** Approximate memory that the page takes, in bytes. */
  readonly heldBytes: number;
  /** Where the next page begins, if there may be one. */
  readonly next: ReferrersCursor | undefined;
}

/** Approximate limit of the remembered pages, in bytes. */
const MAX_BYTES = 2 * 1024 * 1024;
/** Approximate bytes of a page besides its descriptors or entries. */
const OVERHEAD_BYTES = 1024;

interface KnownPage {
  readonly epoch: number;
  readonly page: ReferrersPage;
}

/**
 * Remembers pages of referrers, each valid only in the epoch of the metadata in which it was read. Concurrent callers
 * that need the same page in the same epoch share the work.
 */
export class KnownReferrersPages {
  readonly #epoch: () => number | undefined;
  readonly #known = new LRUCache<string, KnownPage>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ page }) => OVERHEAD_BYTES + page.heldBytes,
  });
  readonly #running = new Map<string, Promise<ReferrersPage>>();

  /** @param epoch a number that changes with every commit; `undefined` if unknown, so that nothing is remembered */
  constructor(epoch: () => number | undefined) {
    this.#epoch = epoch;
  }

  /** The page under `key`; calls `assemble` unless it is known. */
  async find(key: string, assemble: () => Promise<ReferrersPage>): Promise<ReferrersPage> {
    const epoch = this.#epoch();
    if (epoch === undefined) return assemble();
    const known = this.#known.get(key);
    if (known?.epoch === epoch) return known.page;
    const page = await this.#assembleOnce(`${epoch} ${key}`, assemble);
    this.#known.set(key, { epoch, page });
    return page;
  }

  async #assembleOnce(work: string, assemble: () => Promise<ReferrersPage>): Promise<ReferrersPage> {
    const running = this.#running.get(work);
    if (running !== undefined) return running;
    const page = assemble();
    this.#running.set(work, page);
    try {
      return await page;
    } finally {
      this.#running.delete(work);
    }
  }
}
