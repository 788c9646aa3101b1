import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { RegistryError } from "../../../oci/registry-error.ts";
import type { NixStore } from "../nix-store.ts";
import type { SetOrigin, SetRevision } from "./set-origin.ts";

const ONLY_TAG = "latest";

/** A package set in a folder of this host. Its revision is a stamp of all files: names, sizes and times. */
export class FolderOrigin implements SetOrigin {
  readonly id: string;
  readonly isLocal = true;
  readonly #folder: string;

  /** @param folder an absolute path */
  constructor(folder: string) {
    this.id = `folder ${folder}`;
    this.#folder = folder;
  }

  async find(tag: string): Promise<SetRevision> {
    if (tag !== ONLY_TAG) {
      throw new RegistryError("manifest-unknown", `a package set in a folder has only the tag ${ONLY_TAG}`, {
        detail: { tag },
      });
    }
    try {
      const hash = new Bun.CryptoHasher("sha256");
      await addToStamp(hash, this.#folder);
      return { id: hash.digest("hex"), lock: { kind: "folder" }, pinned: false };
    } catch (cause) {
      throw new RegistryError("build-unavailable", "the package set cannot be read on this host", { cause });
    }
  }

  /** The folder as it is now, which may be another revision by then. */
  async place(_: SetRevision, store: NixStore, signal: AbortSignal): Promise<string> {
    return await store.addSource(this.#folder, signal);
  }
}

async function addToStamp(hash: Bun.CryptoHasher, path: string): Promise<void> {
  const { size, mtimeMs, ino, mode } = await lstat(path);
  const entries = await readdir(path, { withFileTypes: true });
  hash.update(JSON.stringify([path, size, mtimeMs, ino, mode]));
  for (const entry of entries.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) {
      await addToStamp(hash, inside);
      continue;
    }
    const { size, mtimeMs, ino, mode } = await lstat(inside);
    hash.update(JSON.stringify([inside, size, mtimeMs, ino, mode]));
  }
}
