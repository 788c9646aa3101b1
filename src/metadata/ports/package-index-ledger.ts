/** A package that a source can build, as a search shows it. Its texts are single lines. */
export interface IndexedPackage {
  /** As in an image name, so in lower case. Unique in its index. */
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly homepage?: string;
  readonly license?: string;
  /** The package's main program, if its name differs from the package's. */
  readonly mainProgram?: string;
}

/**
 * Where a word was found, best match first: it is the whole name, the beginning of the name, elsewhere in the name, or
 * in the description or program.
 */
export const PACKAGE_MATCHES = ["name", "prefix", "part", "description"] as const;
/** One of the places where a word can be found. */
export type PackageMatch = (typeof PACKAGE_MATCHES)[number];

/** A package in which a word was found. */
export interface FoundPackage extends IndexedPackage {
  readonly match: PackageMatch;
}

/** An index that is being written. */
export type PackageIndexId = number & { readonly brand: "PackageIndexId" };

/**
 * Indexes of the packages of sources. Each index describes one state of a source, and is used once it is complete. For
 * each source, the two indexes that were current last are kept.
 *
 * An index can be written again, so it is not stored durably.
 */
export interface PackageIndexLedger {
  /** The state whose index is current; `undefined` if the source has no complete index. */
  findIndexedState(source: string): Promise<string | undefined>;

  /** Makes the index of a state current again; false if it is not kept. */
  restoreIndex(source: string, state: string): Promise<boolean>;

  /** Begins an index. Removes incomplete indexes of the same source. */
  beginIndex(source: string, state: string): Promise<PackageIndexId>;

  /**
   * Adds packages in short transactions. If two have the same name, the first stays.
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
   * Searches the current index for packages with `word` in their name, description or program, in upper or lower case.
   * Returns at most `limit`: the best matches first, equal ones in ascending byte order of name.
   *
   * Reads the index page by page, and lets other requests run in between.
   */
  findPackages(source: string, word: string, limit: number): Promise<readonly FoundPackage[]>;
}
