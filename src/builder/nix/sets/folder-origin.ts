import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { RegistryError } from "../../../oci/registry-error.ts";
import type { NixStore } from "../store/nix-store.ts";
import type { SetOrigin, SetRevision } from "./set-origin.ts";

const ONLY_TAG = "latest";

/**
 * A package set in a folder of this host. A revision is identified by the names, sizes and times of all files.
 *
 * The folder can change between `find` and `place`, and `place` takes what is there by then. So only the hash of the
 * placed files says what the content of a revision is.
 */
export class FolderOrigin implements SetOrigin {
  readonly id: string;
  readonly programs: readonly string[] = [];
  readonly isLocal = true;
  readonly #folder: string;

  constructor(folder: string) {
    this.id = `folder ${folder}`;
    this.#folder = folder;
  }

  async find(tag: string, signal: AbortSignal): Promise<SetRevision> {
    if (tag !== ONLY_TAG) {
      throw new RegistryError("manifest-unknown", `a package set in a folder has only the tag ${ONLY_TAG}`, {
        detail: { tag },
      });
    }
    return { id: await this.#readStamp(signal), lock: { kind: "folder" }, pinned: false };
  }

  async place(_revision: SetRevision, store: NixStore, signal: AbortSignal): Promise<string> {
    return await store.addSource(this.#folder, signal);
  }

  /** Reads a text that changes whenever a file of the set does. */
  async #readStamp(signal: AbortSignal): Promise<string> {
    const hash = new Bun.CryptoHasher("sha256");
    try {
      await addToStamp(hash, this.#folder, signal);
    } catch (cause) {
      signal.throwIfAborted();
      throw new RegistryError("build-unavailable", "the package set cannot be read on this host", { cause });
    }
    return hash.digest("hex");
  }
}

async function addToStamp(hash: Bun.CryptoHasher, folder: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await addEntry(hash, folder);
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await addToStamp(hash, path, signal);
    else await addEntry(hash, path);
  }
}

async function addEntry(hash: Bun.CryptoHasher, path: string): Promise<void> {
  const { size, mtimeMs, ino, mode } = await lstat(path);
  hash.update(JSON.stringify([path, size, mtimeMs, ino, mode]));
}
