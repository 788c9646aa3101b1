import { readBegin } from "../../../archive/read-begin.ts";
import type { StreamedEntry } from "../../../archive/tar-reader.ts";
import { holdsPrivateKey, holdsPublicKey, SEARCHED_KEY_BYTES } from "./private-key.ts";
import { treatmentOf } from "./treatment.ts";

/**
 * Finds private keys among the entries of a stage's outcome, and what was made together with them: a certificate, request,
 * public key or parameters in the same folder, or of the same name in another. Without the key they are of no use, and they
 * are never the same twice.
 */
export class KeySearch {
  readonly #privatePaths: string[] = [];
  readonly #publicPaths: string[] = [];

  /** Looks at an entry. May read the begin of its content. What a package itself has is no secret. */
  async look(entry: StreamedEntry): Promise<void> {
    if (entry.type !== "file" || entry.isUnmodified === true) return;
    const { kind } = treatmentOf({ path: entry.path, type: entry.type, sizeBytes: entry.size });
    if (kind !== "search" && kind !== "rewrite") return;
    const begin = await readBegin(entry.content, Math.min(entry.size, SEARCHED_KEY_BYTES));
    if (holdsPrivateKey(begin)) this.#privatePaths.push(entry.path);
    else if (holdsPublicKey(begin)) this.#publicPaths.push(entry.path);
  }

  /** The paths of all that is not to be shipped. */
  found(): ReadonlySet<string> {
    const folders = new Set(this.#privatePaths.map(folderOf));
    const names = new Set(this.#privatePaths.map(nameOf));
    const belongs = (path: string) => folders.has(folderOf(path)) || names.has(nameOf(path));
    return new Set([...this.#privatePaths, ...this.#publicPaths.filter(belongs)]);
  }
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/** A file's name without what is behind its last dot. */
function nameOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.replace(/(?<=.)\.[^.]*$/, "");
}
