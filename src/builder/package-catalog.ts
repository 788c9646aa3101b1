import type { IndexedPackage } from "../metadata/ports/package-index-ledger.ts";

/** The packages of a source in one state. */
export interface CatalogSnapshot {
  /** Equal states of a source and platform have equal packages, on every host. */
  readonly state: string;

  /**
   * All packages, in batches of a bounded size so that they are never all in memory. Nearly ascending names are written
   * fastest.
   *
   * @throws if they cannot be read, or if the source has another state by now; what was yielded is then incomplete
   */
  packages(signal: AbortSignal): AsyncIterable<readonly IndexedPackage[]>;
}

/** The packages of a source for one platform, for searches. */
export interface PackageCatalog {
  /**
   * Updates what is known about the packages. Can take long, so call it only for somebody who waits for it.
   *
   * @throws if that fails and nothing is known
   */
  refresh(signal: AbortSignal): Promise<void>;

  /**
   * The packages as this host knows them; `undefined` if it knows none yet. Downloads no lists, and is cheap enough to
   * call every few minutes.
   */
  current(signal: AbortSignal): Promise<CatalogSnapshot | undefined>;
}
