import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { onceSuccessful } from "../../concurrency/once-successful.ts";
import { FolderLock } from "../../files/file-lock.ts";
import { absent } from "../../files/system-error.ts";
import { type DebianPackage, downloadedName } from "./debian-package.ts";

interface PooledFile {
  readonly wanted: DebianPackage;
  readonly path: string;
  /** Resolves when it has been downloaded. */
  readonly ready: Promise<void>;
  /** Rejects if its bytes are not those of the package. Hashes them once, when a layer needs them. */
  readonly verify: () => Promise<void>;
  holders: number;
}

/** Package files on this host; dispose to remove them. */
export interface FetchedPackages extends AsyncDisposable {
  /**
   * The path of a fetched package, once its digest has been verified.
   *
   * @throws {Error} if it has another digest
   */
  file(wanted: DebianPackage): Promise<string>;
}

/** Downloads the given packages into a folder, where each has its {@link downloadedName}. */
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
   * @throws whatever `download` throws, and an error when a file is missing
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
        if (others.every((outcome) => outcome.status === "fulfilled")) return new HeldPackages(this, held);
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
    const files = wanted.map((one) => this.#pooled(folder, one, begun.promise));
    for (const file of files) this.#files.set(file.wanted.sha256, file);
    const ready = this.#download(folder, files, download).catch((cause: unknown) => {
      for (const file of files) this.#forget(file);
      throw cause;
    });
    ready.then(begun.resolve, begun.reject);
    // Avoids an unhandled rejection: the fetch that started the download gets the failure from `ready` anyway.
    begun.promise.catch(() => {});
    return ready;
  }

  #pooled(folder: string, wanted: DebianPackage, ready: Promise<void>): PooledFile {
    this.#sequence += 1;
    const path = join(folder, `${this.#sequence}.deb`);
    const verify = onceSuccessful(async () => {
      if ((await sha256Of(path)) === wanted.sha256) return;
      // The next build downloads it again.
      this.#forget(file);
      throw new Error(`damaged after the download: ${wanted.name}`);
    });
    const file: PooledFile = { wanted, path, ready, verify, holders: 0 };
    return file;
  }

  #hold(wanted: DebianPackage): PooledFile {
    const file = this.#files.get(wanted.sha256);
    if (file === undefined) throw new Error(`${wanted.name} is not being downloaded`);
    file.holders += 1;
    return file;
  }

  #forget(file: PooledFile): void {
    if (this.#files.get(file.wanted.sha256) === file) this.#files.delete(file.wanted.sha256);
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

  async #download(folder: string, files: readonly PooledFile[], download: Download): Promise<void> {
    const incoming = await mkdtemp(join(folder, "incoming-"));
    try {
      await download(
        files.map(({ wanted }) => wanted),
        incoming,
      );
      const lost: string[] = [];
      for (const { wanted, path } of files) {
        const isThere = await rename(join(incoming, downloadedName(wanted)), path).then(() => true, absent);
        if (isThere === undefined) lost.push(wanted.name);
      }
      if (lost.length > 0) throw new Error(`missing after the download: ${lost.join(", ")}`);
    } catch (cause) {
      for (const { path } of files) await rm(path, { force: true });
      throw cause;
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
  }
}

/** The files that one fetch holds. */
class HeldPackages implements FetchedPackages {
  readonly #pool: PackagePool;
  readonly #files: ReadonlyMap<string, PooledFile>;
  #held: readonly PooledFile[];

  constructor(pool: PackagePool, held: readonly PooledFile[]) {
    this.#pool = pool;
    this.#files = new Map(held.map((file) => [file.wanted.sha256, file]));
    this.#held = held;
  }

  async file({ sha256, name }: DebianPackage): Promise<string> {
    const found = this.#files.get(sha256);
    if (found === undefined) throw new Error(`${name} was not fetched`);
    await found.verify();
    return found.path;
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
