import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../clock.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { SharedWork } from "../shared-work.ts";
import type { NixStore, StorePathInfo } from "./nix-store.ts";

/** A package set as it was at some moment, in the store. */
export interface SetSnapshot {
  /** Its path in the store. */
  readonly path: string;
  readonly narHash: string;
  /** A number that is another one for another content. */
  readonly revision: number;
}

const ONLY_TAG = "latest";
/** How long a look at the folder is enough, in milliseconds: a large set has a hundred thousand files. */
const LOOK_AGAIN_MS = 10_000;

/** A package set in a folder of this host. It is looked at now and then, and copied when it has changed. */
export class FolderSet {
  readonly #folder: string;
  readonly #store: NixStore;
  readonly #clock: Clock;
  #lookedAt = Number.NEGATIVE_INFINITY;
  readonly #refreshing = new SharedWork<SetSnapshot>();
  #stamp: string | undefined;
  #snapshot: SetSnapshot | undefined;

  constructor(folder: string, store: NixStore, clock: Clock) {
    this.#folder = folder;
    this.#store = store;
    this.#clock = clock;
  }

  /** What the lock says of the set. */
  get origin(): Readonly<Record<string, string>> {
    return { kind: "folder" };
  }

  /**
   * The set as it was a few seconds ago, or is now.
   *
   * @throws {RegistryError} `manifest-unknown` for a tag other than `latest`; `build-unavailable` if it cannot be read
   */
  async current(tag: string, signal: AbortSignal): Promise<SetSnapshot> {
    if (tag !== ONLY_TAG) {
      throw new RegistryError("manifest-unknown", `a package set in a folder has only the tag ${ONLY_TAG}`, {
        detail: { tag },
      });
    }
    const isRecent = this.#clock.now() - this.#lookedAt < LOOK_AGAIN_MS;
    if (this.#snapshot !== undefined && isRecent) return this.#snapshot;
    return await this.#refreshing.run("set", signal, (shared) => this.#refresh(shared));
  }

  async #refresh(signal: AbortSignal): Promise<SetSnapshot> {
    const lookedAt = this.#clock.now();
    const stamp = await this.#readStamp();
    if (this.#snapshot !== undefined && stamp === this.#stamp && (await this.#isThere(signal))) {
      this.#lookedAt = lookedAt;
      return this.#snapshot;
    }
    const path = await this.#store.addSource(this.#folder, signal);
    const info = await this.#infoOf(path, signal);
    const revision = (this.#snapshot?.revision ?? 0) + (path === this.#snapshot?.path ? 0 : 1);
    this.#stamp = stamp;
    this.#lookedAt = lookedAt;
    this.#snapshot = { path, narHash: info.narHash, revision };
    return this.#snapshot;
  }

  async #isThere(signal: AbortSignal): Promise<boolean> {
    const path = this.#snapshot?.path ?? "";
    return (await this.#store.missing([path], signal)).length === 0;
  }

  async #infoOf(path: string, signal: AbortSignal): Promise<StorePathInfo> {
    const info = (await this.#store.closure([path], signal)).find((one) => one.path === path);
    if (info === undefined) throw new Error(`${path} is not in the store`);
    return info;
  }

  /** Changes whenever a file of the set does: names, sizes and times. */
  async #readStamp(): Promise<string> {
    try {
      const hash = new Bun.CryptoHasher("sha256");
      await addToStamp(hash, this.#folder);
      return hash.digest("hex");
    } catch (cause) {
      throw new RegistryError("build-unavailable", "the package set cannot be read on this host", { cause });
    }
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
