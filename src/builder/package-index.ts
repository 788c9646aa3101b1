import type { WorkLocks } from "../concurrency/work-locks.ts";
import {
  type FoundPackage,
  type IndexedPackage,
  PACKAGE_MATCHES,
  type PackageIndexLedger,
} from "../metadata/ports/package-index-ledger.ts";
import type { Platform } from "../oci/descriptor.ts";
import { isRepositoryName } from "../oci/repository-name.ts";
import type { CatalogSnapshot } from "./package-catalog.ts";
import type { PackageSource } from "./package-source.ts";

/** Packages in an answer if the caller sets no limit. */
export const DEFAULT_FOUND = 20;
/** Maximum packages in an answer. */
export const MAX_FOUND = 100;
/** Maximum length of a word to search for, in characters. */
const MAX_WORD_LENGTH = 200;
/** Maximum length of a stored text about a package, in characters. */
const MAX_TEXT_LENGTH = 500;

/** What to search for, and where. */
export interface PackageSearch {
  /** Text to find in a package's name, description or program. Taken literally, in any letter case. */
  readonly word: string;
  /** Names of the sources to search; by default all of them. Unknown ones find nothing. */
  readonly sources?: readonly string[];
  /** 1 to {@link MAX_FOUND}; by default {@link DEFAULT_FOUND}. */
  readonly limit?: number;
}

/** A package that a search found. */
export interface SourcePackage extends FoundPackage {
  readonly source: string;
}

/** How {@link PackageIndex.update} ended. */
export type IndexUpdate =
  /** The host knows no packages of the source yet. */
  | { readonly outcome: "absent" }
  /** The index was up to date, or another instance has updated it. */
  | { readonly outcome: "unchanged" }
  | { readonly outcome: "written"; readonly packageCount: number };

/** Options of {@link PackageIndex.update}. */
export interface IndexUpdateOptions {
  readonly signal: AbortSignal;
  /** Whether the source first looks for newer packages, which can take minutes. */
  readonly refresh: boolean;
  /** Called before the packages are read. */
  readonly onReading?: () => void;
}

/** The parts that a {@link PackageIndex} works with. */
export interface PackageIndexParts {
  readonly sources: readonly PackageSource[];
  readonly ledger: PackageIndexLedger;
  /** Keeps instances from indexing the same packages at the same time. */
  readonly locks: WorkLocks;
  /** The platform whose packages are indexed. */
  readonly platform: Platform;
}

/** Searches the packages that images can be built from. */
export class PackageIndex {
  readonly #parts: PackageIndexParts;
  readonly #sources: ReadonlyMap<string, PackageSource>;
  /** The last state of each source that this process made current. */
  readonly #lastStates = new Map<string, string>();

  constructor(parts: PackageIndexParts) {
    this.#parts = parts;
    const listed = parts.sources.filter((source) => source.catalog !== undefined);
    this.#sources = new Map(listed.map((source) => [source.name, source]));
  }

  /** The sources whose packages can be searched. */
  get sources(): readonly PackageSource[] {
    return [...this.#sources.values()];
  }

  /** Whether the source has an index, so that a search can find its packages. */
  async isIndexed(source: string): Promise<boolean> {
    return (await this.#parts.ledger.findIndexedState(this.#keyOf(source))) !== undefined;
  }

  /**
   * The best matches from all sources together, in order of match and then name. Uses the last complete index of each
   * source; does not wait for a new one.
   */
  async search({ word, sources, limit = DEFAULT_FOUND }: PackageSearch): Promise<readonly SourcePackage[]> {
    const wanted = singleLine(word);
    if (wanted.length > MAX_WORD_LENGTH) return [];
    const most = Math.min(Math.max(limit, 1), MAX_FOUND);
    const found: SourcePackage[] = [];
    for (const source of this.#sources.keys()) {
      if (sources !== undefined && !sources.includes(source)) continue;
      const packages = await this.#parts.ledger.findPackages(this.#keyOf(source), wanted, most);
      found.push(...packages.map((one) => ({ ...one, source })));
    }
    return found.toSorted(byFit).slice(0, most);
  }

  /**
   * Brings the index of a source up to date. Searches use the old one until the new one is complete.
   *
   * @throws what the source's catalog throws, or the signal's reason; the old index stays
   */
  async update(source: string, options: IndexUpdateOptions): Promise<IndexUpdate> {
    const { ledger, locks, platform } = this.#parts;
    const { signal, refresh } = options;
    const catalog = this.#sources.get(source)?.catalog?.(platform);
    if (catalog === undefined) throw new Error(`${source} has no packages to search`);
    if (refresh) await catalog.refresh(signal);
    const snapshot = await catalog.current(signal);
    if (snapshot === undefined) return { outcome: "absent" };
    const { state } = snapshot;
    // An instance with other package lists may have changed the index. Without this check, the two would overwrite it
    // in turn for ever.
    if (this.#lastStates.get(source) === state) return { outcome: "unchanged" };
    const key = this.#keyOf(source);
    const update = await locks.run<IndexUpdate>(
      `package-index/${key}`,
      async () => {
        if ((await ledger.findIndexedState(key)) === state) return { outcome: "unchanged" };
        if (await ledger.restoreIndex(key, state)) return { outcome: "unchanged" };
        options.onReading?.();
        return { outcome: "written", packageCount: await this.#write(source, snapshot, signal) };
      },
      signal,
    );
    this.#lastStates.set(source, state);
    return update;
  }

  /**
   * Writes a whole index; resolves to the number of its packages. After a failure, the next try removes the incomplete
   * index.
   */
  async #write(source: string, { state, packages }: CatalogSnapshot, signal: AbortSignal): Promise<number> {
    const { ledger } = this.#parts;
    const id = await ledger.beginIndex(this.#keyOf(source), state);
    let count = 0;
    for await (const batch of packages(signal)) {
      const entries = batch.filter(({ name }) => isComponent(source, name)).map(entryOf);
      await ledger.addToIndex(id, entries);
      count += entries.length;
      signal.throwIfAborted();
    }
    await ledger.completeIndex(id);
    return count;
  }

  /**
   * The ledger's name for the index. It includes the platform, because instances on different processors can share a
   * ledger.
   */
  #keyOf(source: string): string {
    return `${source}/${this.#parts.platform.architecture}`;
  }
}

/** Whether the package's name is valid in an image's name. */
function isComponent(source: string, name: string): boolean {
  return !name.includes("/") && isRepositoryName(`${source}/${name}`);
}

function entryOf({ name, ...texts }: IndexedPackage): IndexedPackage {
  const lines = Object.entries(texts).map(([field, text]) => [
    field,
    singleLine(text).slice(0, MAX_TEXT_LENGTH),
  ]);
  return { name, ...(Object.fromEntries(lines) as typeof texts) };
}

/** The text on one line: without control characters, which a terminal would obey, and with single spaces. */
function singleLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim();
}

function byFit(one: SourcePackage, other: SourcePackage): number {
  const difference = PACKAGE_MATCHES.indexOf(one.match) - PACKAGE_MATCHES.indexOf(other.match);
  if (difference !== 0) return difference;
  if (one.name !== other.name) return one.name < other.name ? -1 : 1;
  return 0;
}
