import type { IndexedPackage } from "../metadata/ports/package-index-ledger.ts";

/** The packages of a source in one state. */
export interface CatalogSnapshot {
  /** Equal states of a source and platform have equal packages, on every host. */
  readonly state: string;

  /**
   * All packages in batches of a bounded size, so that they are never in memory at once. Nearly ascending names are
   * written fastest.
   *
   * @throws if they cannot be read, or belong to another state by now; they are incomplete then
   */
  packages(signal: AbortSignal): AsyncIterable<readonly IndexedPackage[]>;
}

/** What a source offers to search, for one platform. */
export interface PackageCatalog {
  /**
   * Brings what is known of the packages up to date, for somebody who waits for it.
   *
   * @throws if that fails and nothing is known
   */
  refresh(signal: AbortSignal): Promise<void>;

  /**
   * The packages as they are known here; `undefined` if none are yet. Downloads no lists, and is cheap enough for every
   * few minutes.
   */
  current(signal: AbortSignal): Promise<CatalogSnapshot | undefined>;
}
