import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { onceSuccessful } from "../../concurrency/once-successful.ts";
import { FolderLock } from "../../files/file-lock.ts";
import type { DebianPackage } from "./debian-package.ts";

interface PooledFile {
  readonly sha256: string;
  readonly path: string;
  readonly ready: Promise<void>;
  holders: number;
}

/** Verified package files on this host; dispose to remove them. */
export interface FetchedPackages extends AsyncDisposable {
  /** The path of a fetched package. */
  file(wanted: DebianPackage): string;
}

/** Downloads the given packages into a folder. File names do not matter. */
export type Download = (packages: readonly DebianPackage[], folder: string) => Promise<void>;

/** Downloaded package files, by SHA-256. Builds share a file; it is removed when the last of them releases it. */
export class PackagePool {
  readonly #root: string;
  readonly #files = new Map<string, PooledFile>();
  readonly #folder = onceSuccessful(() => this.#open());
  #sequence = 0;

  /** Keeps files in a separate folder below `root`. Removes those of dead processes. */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Holds the files of `packages`. Downloads those that nobody holds yet.
   *
   * @throws whatever `download` throws, and an error when a file is missing or has the wrong digest
   */
  async fetch(packages: readonly DebianPackage[], download: Download): Promise<FetchedPackages> {
    const folder = await this.#folder();
    for (;;) {
      const missing = packages.filter((wanted) => !this.#files.has(wanted.sha256));
      const own = this.#start(folder, missing, download);
      const held = packages.map((wanted) => this.#hold(wanted));
      try {
        await own;
        // If a download that another fetch started has failed, download its files here.
        const others = await Promise.allSettled(held.map((file) => file.ready));
        if (others.every((outcome) => outcome.status === "fulfilled"))
          return new HeldPackages(this, packages, held);
        await this.release(held);
      } catch (cause) {
        await this.release(held);
        throw cause;
      }
    }
  }

  /** Releases files, and removes those that nobody else holds. */
  async release(files: readonly PooledFile[]): Promise<void> {
    for (const file of files) {
      file.holders -= 1;
      if (file.holders > 0) continue;
      this.#forget(file);
      await rm(file.path, { force: true });
    }
  }

  #start(folder: string, wanted: readonly DebianPackage[], download: Download): Promise<void> {
    if (wanted.length === 0) return Promise.resolve();
    const begun = Promise.withResolvers<void>();
    const files = wanted.map(({ sha256 }) => {
      this.#sequence += 1;
      return { sha256, path: join(folder, `${this.#sequence}.deb`), ready: begun.promise, holders: 0 };
    });
    for (const file of files) this.#files.set(file.sha256, file);
    const ready = this.#download(folder, files, wanted, download).catch((cause: unknown) => {
      for (const file of files) this.#forget(file);
      throw cause;
    });
    ready.then(begun.resolve, begun.reject);
    // Avoids an unhandled rejection: the fetch that started the download gets the failure from `ready` anyway.
    begun.promise.catch(() => {});
    return ready;
  }

  #hold(wanted: DebianPackage): PooledFile {
    const file = this.#files.get(wanted.sha256);
    if (file === undefined) throw new Error(`${wanted.name} is not being downloaded`);
    file.holders += 1;
    return file;
  }

  #forget(file: PooledFile): void {
    if (this.#files.get(file.sha256) === file) this.#files.delete(file.sha256);
  }

  async #open(): Promise<string> {
    await mkdir(this.#root, { recursive: true });
    for (const name of await readdir(this.#root)) await removeAbandoned(join(this.#root, name));
    for (;;) {
      const folder = await mkdtemp(join(this.#root, "pool-"));
      // Held until this process ends. Fails if a process that is starting took the new folder for an abandoned one.
      if (FolderLock.tryAcquire(folder) instanceof FolderLock) return folder;
    }
  }

  async #download(
    folder: string,
    files: readonly PooledFile[],
    wanted: readonly DebianPackage[],
    download: Download,
  ): Promise<void> {
    const incoming = await mkdtemp(join(folder, "incoming-"));
    try {
      await download(wanted, incoming);
      const missing = new Map(files.map((file) => [file.sha256, file.path]));
      for (const name of await readdir(incoming)) {
        const sha256 = await sha256Of(join(incoming, name));
        const path = missing.get(sha256);
        if (path !== undefined) await rename(join(incoming, name), path);
        missing.delete(sha256);
      }
      const lost = wanted.filter((one) => missing.has(one.sha256)).map((one) => one.name);
      if (lost.length > 0) throw new Error(`missing or damaged after the download: ${lost.join(", ")}`);
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
  }
}

/** The files that one fetch holds. */
class HeldPackages implements FetchedPackages {
  readonly #pool: PackagePool;
  readonly #paths: ReadonlyMap<string, string>;
  #held: readonly PooledFile[];

  constructor(pool: PackagePool, packages: readonly DebianPackage[], held: readonly PooledFile[]) {
    this.#pool = pool;
    this.#held = held;
    this.#paths = new Map(packages.map((one, index) => [one.sha256, held[index]?.path ?? ""]));
  }

  file(wanted: DebianPackage): string {
    const path = this.#paths.get(wanted.sha256);
    if (path === undefined) throw new Error(`${wanted.name} was not fetched`);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const held = this.#held;
    this.#held = [];
    await this.#pool.release(held);
  }
}

/** Removes a folder that no running process has locked. */
async function removeAbandoned(folder: string): Promise<void> {
  const lock = FolderLock.tryAcquire(folder);
  if (!(lock instanceof FolderLock)) return;
  using _held = lock;
  await rm(folder, { recursive: true, force: true });
}

async function sha256Of(file: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
