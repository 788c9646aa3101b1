import type { SourceLedger } from "../../../metadata/ports/source-ledger.ts";
import type { StorePathInfo } from "./nix-store.ts";
import type { TreeEntry } from "./read-tree.ts";

/** A store path as it was published first, or last where the first bytes were lost. */
export interface RecordedPath extends StorePathInfo {
  /** The hash that it had before its bytes were lost, and another build gave other bytes. */
  readonly replaces?: string;
}

type PathFact = Omit<RecordedPath, "path">;

const PATHS = "nix/path";
const TREES = "nix/tree";

/**
 * What is in store paths, remembered for all instances: so that nothing has to be in a store while its layers are there, and
 * a package that does not build to the same bytes twice keeps those that were published first.
 */
export class StoreLedger {
  readonly #ledger: SourceLedger;

  constructor(ledger: SourceLedger) {
    this.#ledger = ledger;
  }

  /** The closure of paths in ascending order; `undefined` if a part of it is not known. */
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

  /** Records paths; those that are known stay as they are. */
  async record(infos: readonly StorePathInfo[]): Promise<void> {
    await this.#ledger.addFacts(PATHS, new Map(infos.map((info) => [info.path, factOf(info)])));
  }

  /** Records paths in place of those whose bytes were lost. */
  async replace(infos: readonly RecordedPath[]): Promise<void> {
    await this.#ledger.putFacts(PATHS, new Map(infos.map((info) => [info.path, factOf(info)])));
  }

  /** The files of a path with a hash, if they were recorded. */
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
