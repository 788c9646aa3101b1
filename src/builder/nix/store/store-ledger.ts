import type { SourceLedger } from "../../../metadata/ports/source-ledger.ts";
import type { StorePathInfo } from "./nix-store.ts";
import type { TreeEntry } from "./read-tree.ts";

/** A store path as it was first published. If those bytes were lost, as it was published last. */
export interface RecordedPath extends StorePathInfo {
  /** The hash of its earlier bytes, which were lost before a new build gave other bytes. */
  readonly replaces?: string;
}

type PathFact = Omit<RecordedPath, "path">;

const PATHS = "nix/path";
const TREES = "nix/tree";

/**
 * Records of store paths that all instances share. With them, a path need not be in any store as long as its layers
 * exist, and a package whose builds differ keeps the bytes that were published first.
 */
export class StoreLedger {
  readonly #ledger: SourceLedger;

  constructor(ledger: SourceLedger) {
    this.#ledger = ledger;
  }

  /** The closure of paths in ascending order; `undefined` if part of it is not recorded. */
  async closure(paths: readonly string[]): Promise<readonly RecordedPath[] | undefined> {
    const found = new Map<string, RecordedPath>();
    for (let next = [...new Set(paths)]; next.length > 0; ) {
      const known = await this.#find(next);
      if (known.length < next.length) return undefined;
      for (const one of known) found.set(one.path, one);
      next = [...new Set(known.flatMap(({ references }) => references))].filter((path) => !found.has(path));
    }
    return [...found.values()].toSorted((one, other) => (one.path < other.path ? -1 : 1));
  }

  /** Records paths. Does not change existing records. */
  async record(infos: readonly StorePathInfo[]): Promise<void> {
    await this.#ledger.addFacts(PATHS, new Map(infos.map((info) => [info.path, factOf(info)])));
  }

  /** Records paths in place of those whose bytes were lost. */
  async replace(infos: readonly RecordedPath[]): Promise<void> {
    await this.#ledger.putFacts(PATHS, new Map(infos.map((info) => [info.path, factOf(info)])));
  }

  /** The recorded files of a path with this hash; `undefined` if there are none. */
  async tree({ path, narHash }: StorePathInfo): Promise<readonly TreeEntry[] | undefined> {
    const key = `${path}:${narHash}`;
    const text = (await this.#ledger.findFacts(TREES, [key])).get(key);
    return text === undefined ? undefined : (JSON.parse(text) as readonly TreeEntry[]);
  }

  /** Records the files of paths. */
  async recordTrees(trees: ReadonlyMap<StorePathInfo, readonly TreeEntry[]>): Promise<void> {
    const facts = [...trees].map(
      ([{ path, narHash }, tree]) => [`${path}:${narHash}`, JSON.stringify(tree)] as const,
    );
    await this.#ledger.addFacts(TREES, new Map(facts));
  }

  async #find(paths: readonly string[]): Promise<readonly RecordedPath[]> {
    const facts = await this.#ledger.findFacts(PATHS, paths);
    return [...facts].map(([path, text]) => ({ path, ...(JSON.parse(text) as PathFact) }));
  }
}

function factOf({ path: _, ...fact }: RecordedPath): string {
  return JSON.stringify(fact);
}
