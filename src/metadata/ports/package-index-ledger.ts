/** A package that a source can build, as a search shows it. Its texts are single lines. */
export interface IndexedPackage {
  /** As one writes it in the name of an image, so in lower case. Unique in its index. */
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly homepage?: string;
  readonly license?: string;
  /** The program that it is known for, if it has another name. */
  readonly mainProgram?: string;
}

/** Where a word was found, best first: it is the name, the name begins with it, contains it, or the rest does. */
export const PACKAGE_MATCHES = ["name", "prefix", "part", "description"] as const;
export type PackageMatch = (typeof PACKAGE_MATCHES)[number];

/** A package in which a word was found. */
export interface FoundPackage extends IndexedPackage {
  readonly match: PackageMatch;
}

/** An index that is being written. */
export type PackageIndexId = number & { readonly brand: "PackageIndexId" };

/**
 * Indexes of the packages of sources. Each is of one state of a source, and is used once it is complete. The two that
 * were current last are kept of each source.
 *
 * They can be made again, so that nothing of them is written durably.
 */
export interface PackageIndexLedger {
  /** The state whose index is current; `undefined` if the source has no complete index. */
  findIndexedState(source: string): Promise<string | undefined>;

  /** Makes the index of a state current again; false if it is not kept. */
  restoreIndex(source: string, state: string): Promise<boolean>;

  /** Begins an index. Removes those of the source that others began and did not complete. */
  beginIndex(source: string, state: string): Promise<PackageIndexId>;

  /**
   * Adds packages in short transactions. The first of a name stays.
   *
   * @throws {Error} if the index was removed, because another one was begun
   */
  addToIndex(id: PackageIndexId, packages: readonly IndexedPackage[]): Promise<void>;

  /**
   * Makes the index complete and current, and removes those that are not kept.
   *
   * @throws {Error} as {@link addToIndex}
   */
  completeIndex(id: PackageIndexId): Promise<void>;

  /**
   * At most `limit` packages of the current index that have `word` in their name, description or program, whatever its
   * case; the best matches first, equal ones in ascending byte order of name.
   *
   * Reads the index piece by piece, and lets other requests in between.
   */
  findPackages(source: string, word: string, limit: number): Promise<readonly FoundPackage[]>;
}
