import type { StreamedEntry } from "../../../archive/tar-reader.ts";
import { holdsPrivateKey, holdsPublicKey } from "./private-key.ts";
import { treatmentOf } from "./treatment.ts";

/**
 * Finds private keys among the entries of a stage's outcome, and what was made together with them: a certificate, request,
 * public key or parameters in the same folder, or of the same name in another. Without the key they are of no use, and they
 * are never the same twice.
 */
export class KeySearch {
  readonly #privatePaths: string[] = [];
  readonly #publicPaths: string[] = [];

  /** Whether {@link look} has to see the first {@link SEARCHED_KEY_BYTES} of an entry. What a package itself has is no secret. */
  concerns({ path, type, size, isUnmodified }: StreamedEntry): boolean {
    if (type !== "file" || isUnmodified === true) return false;
    const { kind } = treatmentOf({ path, type, sizeBytes: size });
    return kind === "search" || kind === "rewrite";
  }

  /** Looks at the begin of an entry, or at all of it. */
  look(path: string, begin: Uint8Array): void {
    if (holdsPrivateKey(begin)) this.#privatePaths.push(path);
    else if (holdsPublicKey(begin)) this.#publicPaths.push(path);
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
