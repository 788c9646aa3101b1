import { closeSync } from "node:fs";
import { attributeOf, type FileFacts, factsOf, openFolder } from "./file-facts.ts";

/** An entry of the tree below the changes, and the open folder that has it. */
export interface LowerEntry {
  readonly folder: number;
  readonly facts: FileFacts;
}

/** The open folders that together are one folder of the tree below the changes, the top one first. */
export class LowerFolders implements Disposable {
  readonly #folders: readonly number[];

  /** Closes `folders` when it is disposed of. */
  constructor(folders: readonly number[]) {
    this.#folders = folders;
  }

  /** The entry that shows; `undefined` if there is none. */
  find(name: string): LowerEntry | undefined {
    for (const folder of this.#folders) {
      const facts = factsOf(folder, name);
      if (facts !== undefined) return facts.type === "whiteout" ? undefined : { folder, facts };
    }
    return undefined;
  }

  /** The folders of that name, as far down as they show through each other. */
  enter(name: string): LowerFolders {
    const found: number[] = [];
    for (const folder of this.#folders) {
      const facts = factsOf(folder, name);
      if (facts === undefined) continue;
      if (facts.type !== "directory") break;
      const inner = openFolder(folder, name);
      found.push(inner);
      if (isOpaque(inner)) break;
    }
    return new LowerFolders(found);
  }

  [Symbol.dispose](): void {
    for (const folder of this.#folders) closeSync(folder);
  }
}

/** Whether an open folder hides all folders of its name below it. */
export function isOpaque(folder: number): boolean {
  return attributeOf(folder, "user.overlay.opaque")?.toString("latin1") === "y";
}
