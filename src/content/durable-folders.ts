import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

/** Makes a folder's entries durable; rejects if the disk fails. */
export type SyncFolder = (path: string) => Promise<void>;

/** Syncs a folder's entries to the disk. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Folders under one root that survive a power cut once they are synced.
 *
 * It remembers which of the shared upper folders this process has synced. An existing folder may have been created a
 * moment ago by another process or upload that has not synced it yet. There are few of them: one per algorithm and two
 * hex digits.
 */
export class DurableFolders {
  readonly #root: string;
  readonly #sync: SyncFolder;
  readonly #durable = new Set<string>();

  /** `root` must exist and be durable. */
  constructor(root: string, sync: SyncFolder) {
    this.#root = root;
    this.#sync = sync;
  }

  /** Creates the folder and its missing parents. */
  async create(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true });
    for (let path = folder; first !== undefined && path.length >= first.length; path = dirname(path)) {
      this.#durable.delete(path);
    }
  }

  /** Makes the folder's entries durable, and the entries of all its parents up to the root. */
  async sync(folder: string): Promise<void> {
    const parent = dirname(folder);
    const upper: string[] = [];
    for (let path = parent; path !== this.#root; path = dirname(path)) {
      if (!this.#durable.has(path)) upper.push(path);
    }
    const parents = new Set([folder, parent, ...upper.map((path) => dirname(path))]);
    await Promise.all([...parents].map((path) => this.#sync(path)));
    for (const path of upper) this.#durable.add(path);
  }
}
