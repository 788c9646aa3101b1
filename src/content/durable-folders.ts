import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { SyncFolder } from "../files/durable-folder.ts";

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

  /** Creates the folder and its missing parents, only for this user. */
  async create(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true, mode: 0o700 });
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
