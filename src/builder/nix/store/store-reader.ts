import type { Logger } from "../../../log.ts";
import { RegistryError } from "../../../oci/registry-error.ts";
import { ResolutionOutdated } from "../../package-source.ts";
import type { NixHost } from "../nix-host.ts";
import type { StorePathInfo } from "./nix-store.ts";
import type { TreeEntry } from "./read-tree.ts";
import { storeArchive } from "./store-archive.ts";
import type { StoreLedger } from "./store-ledger.ts";
import { StorePathDamaged } from "./store-path.ts";

/** The parts that a {@link StoreReader} works with. */
export interface StoreReaderParts {
  readonly host: NixHost;
  readonly ledger: StoreLedger;
  readonly log: Logger;
}

/** Maximum entries of a recorded tree. Larger trees are read from the store each time. */
const MAX_RECORDED_ENTRIES = 5_000;
/** Maximum entries of a tree. The largest real packages have some 50,000. */
const MAX_ENTRIES = 1_000_000;
const REPAIR_TIMEOUT_MS = 24 * 3_600_000;

/**
 * Reads paths that are in the store, and checks their hashes. If a path was changed on disk, it restores the path and
 * throws, so that the caller resolves again.
 */
export class StoreReader {
  readonly #parts: StoreReaderParts;

  constructor(parts: StoreReaderParts) {
    this.#parts = parts;
  }

  /**
   * The archive of paths; records their trees when it ends.
   *
   * @throws {ResolutionOutdated} after a damaged path was restored
   * @throws {RegistryError} `build-failed` if it cannot be restored
   */
  async *archive(paths: readonly StorePathInfo[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const trees = new Map<StorePathInfo, readonly TreeEntry[]>();
    yield* this.#verified(paths, signal, MAX_RECORDED_ENTRIES, (info, tree) => trees.set(info, tree));
    await this.#parts.ledger.recordTrees(trees);
  }

  /**
   * The tree of a path.
   *
   * @throws as {@link archive}, and {@link RegistryError} `build-failed` if it has too many entries
   */
  async tree(path: StorePathInfo, signal: AbortSignal): Promise<readonly TreeEntry[]> {
    let tree: readonly TreeEntry[] | undefined;
    const bytes = this.#verified([path], signal, MAX_ENTRIES, (_, found) => {
      tree = found;
    });
    // Read all bytes: only then is the tree known to have the right hash.
    while (!(await bytes.next()).done);
    if (tree !== undefined) return tree;
    throw new RegistryError("build-failed", `${path.path} has more than ${MAX_ENTRIES} files to link`);
  }

  async *#verified(
    paths: readonly StorePathInfo[],
    signal: AbortSignal,
    maxTreeEntries: number,
    onTree: (path: StorePathInfo, tree: readonly TreeEntry[]) => void,
  ): AsyncGenerator<Uint8Array> {
    const { store } = this.#parts.host;
    const infos = new Map(paths.map((info) => [info.path, info]));
    try {
      yield* storeArchive(paths, {
        storeFolder: store.folders.storePaths,
        signal,
        maxTreeEntries,
        onTree: (path, tree) => {
          const info = infos.get(path);
          if (info !== undefined) onTree(info, tree);
        },
      });
    } catch (cause) {
      if (!(cause instanceof StorePathDamaged)) throw cause;
      this.#parts.log.warn(
        { err: cause, path: cause.path },
        "a path in the Nix store is damaged; making it again",
      );
      await store.repair(cause.path, { timeoutMs: REPAIR_TIMEOUT_MS, signal });
      throw new ResolutionOutdated(`${cause.message}; it was made again`);
    }
  }
}
