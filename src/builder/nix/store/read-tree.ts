import { isUtf8 } from "node:buffer";
import { join } from "node:path";
import { readFailure, StorePathDamaged, storePathName } from "./store-path.ts";
import { type TreeStep, walkTree } from "./tree-walk.ts";

/** A file, directory or link of a store path. */
export interface TreeEntry {
  /** Path below the store path, without a leading slash; empty for the store path itself. */
  readonly path: string;
  readonly kind: "directory" | "file" | "executable" | "link";
  /** The unchanged target of a link; absent if it is not UTF-8. */
  readonly target?: string;
}

/** Limits of a listing. */
export interface TreeLimits {
  readonly maxEntries: number;
  readonly signal: AbortSignal;
}

/**
 * The tree of a store path: a directory before its content, names in ascending byte order.
 *
 * Leaves out entries whose name is not UTF-8, with everything below them. `undefined` if there are more than
 * `maxEntries` entries, including those left out.
 *
 * @throws {StorePathDamaged} if it is missing or unreadable
 */
export async function readTree(
  storeFolder: string,
  storePath: string,
  { maxEntries, signal }: TreeLimits,
): Promise<readonly TreeEntry[] | undefined> {
  const collector = new TreeCollector(maxEntries);
  try {
    for await (const step of walkTree(join(storeFolder, storePathName(storePath)), signal)) {
      if (step.kind === "other")
        throw new StorePathDamaged(storePath, "has a device, a socket or a pipe in it");
      collector.add(step);
      if (collector.entries === undefined) return undefined;
    }
  } catch (cause) {
    throw readFailure(storePath, cause);
  }
  return collector.entries;
}

/** Collects the steps of a walk into a tree. Leaves out entries whose name is not UTF-8. */
export class TreeCollector {
  readonly #maxEntries: number;
  #entries: TreeEntry[] = [];
  #count = 0;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** The collected entries; `undefined` once there are more than `maxEntries`. */
  get entries(): readonly TreeEntry[] | undefined {
    return this.#count > this.#maxEntries ? undefined : this.#entries;
  }

  add(step: TreeStep): void {
    if (step.kind === "end" || step.kind === "other") return;
    this.#count += 1;
    if (this.#count > this.#maxEntries) this.#entries = [];
    else if (isUtf8(step.place.path)) this.#entries.push(entryOf(step));
  }
}

function entryOf(step: Exclude<TreeStep, { kind: "end" | "other" }>): TreeEntry {
  const path = step.place.path.toString();
  if (step.kind === "directory") return { path, kind: "directory" };
  if (step.kind === "file") return { path, kind: step.executable ? "executable" : "file" };
  if (!isUtf8(step.target)) return { path, kind: "link" };
  return { path, kind: "link", target: Buffer.from(step.target).toString() };
}
