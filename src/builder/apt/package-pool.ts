import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { onceSuccessful } from "../../concurrency/once-successful.ts";
import { unlessAborted } from "../../concurrency/unless-aborted.ts";
import { FolderLock } from "../../files/file-lock.ts";
import type { DebianPackage } from "./debian-package.ts";
import { type Download, DownloadBatch, inBatches, type PooledFile } from "./download-batch.ts";

/** Package files on this host, there or to come; dispose to release them. */
export interface FetchedPackages extends AsyncDisposable {
  /**
   * Resolves when the file of a package is there. Downloads it if another fetch failed to.
   *
   * @throws whatever its download throws, or the signal's reason
   */
  ready(wanted: DebianPackage, signal: AbortSignal): Promise<void>;

  /**
   * The path of a fetched package, once it is there and its digest has been verified.
   *
   * @throws {Error} if it has another digest
   * @throws as {@link ready}
   */
  file(wanted: DebianPackage, signal: AbortSignal): Promise<string>;
}

/** What a fetch downloads, and how. */
export interface FetchOptions {
  /** Called before packages are downloaded, with all of them; a second time for those that another fetch could not download. */
  readonly begin: (missing: readonly DebianPackage[]) => Download;
  /**
   * Size of a batch in bytes. Batches are downloaded one after the other, and a file can be used as soon as its batch is
   * there. By default, all packages are one batch.
   */
  readonly batchBytes?: number | undefined;
  /** Ends the fetch while it waits. */
  readonly signal: AbortSignal;
}

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
   * Holds the files of `packages`, and waits for the first: with batches, the others may still be to come. Downloads those
   * that nobody holds yet, in this order. A download is stopped when nobody holds any of its files.
   *
   * @throws whatever a download throws, an error when a file is missing, or the signal's reason
   */
  async fetch(packages: readonly DebianPackage[], options: FetchOptions): Promise<FetchedPackages> {
    const folder = await this.#folder();
    const start = (wanted: readonly DebianPackage[]) => this.#start(folder, wanted, options);
    const held = new HeldPackages(this, packages, start);
    const awaited = options.batchBytes === undefined ? packages : packages.slice(0, 1);
    try {
      for (const wanted of awaited) await held.ready(wanted, options.signal);
      return held;
    } catch (cause) {
      await held[Symbol.asyncDispose]();
      throw cause;
    }
  }

  /** The file of a package that is there or being downloaded. */
  find({ sha256 }: DebianPackage): PooledFile | undefined {
    return this.#files.get(sha256);
  }

  /** Releases files, and removes those that nobody else holds. */
  async release(files: Iterable<PooledFile>): Promise<void> {
    const unheld: PooledFile[] = [];
    for (const file of files) {
      file.holders -= 1;
      if (file.holders > 0) continue;
      this.#forget(file);
      unheld.push(file);
    }
    // At the same time, so that no batch is begun because the one before it was stopped.
    await Promise.all(unheld.map((file) => file.batch.discard(file)));
  }

  #start(
    folder: string,
    wanted: readonly DebianPackage[],
    { begin, batchBytes = Number.POSITIVE_INFINITY }: FetchOptions,
  ): void {
    if (wanted.length === 0) return;
    const download = begin(wanted);
    const batches = inBatches(wanted, batchBytes).map((some) => {
      const batch = new DownloadBatch(folder, download);
      for (const one of some) this.#add(folder, one, batch);
      return batch;
    });
    void this.#run(batches);
  }

  #add(folder: string, wanted: DebianPackage, batch: DownloadBatch): void {
    this.#sequence += 1;
    const path = join(folder, `${this.#sequence}.deb`);
    const verify = onceSuccessful(async () => {
      if ((await sha256Of(path)) === wanted.sha256) return;
      // The next build downloads it again.
      this.#forget(file);
      throw new Error(`damaged after the download: ${wanted.name}`);
    });
    const file: PooledFile = { wanted, path, batch, verify, holders: 0 };
    this.#files.set(wanted.sha256, file);
    batch.files.push(file);
  }

  /** Downloads batches one after the other. If one fails that somebody needs, those after it fail as well. */
  async #run(batches: readonly DownloadBatch[]): Promise<void> {
    for (const [index, batch] of batches.entries()) {
      try {
        await batch.run();
      } catch (cause) {
        const failed = batch.isAbandoned ? [batch] : batches.slice(index);
        for (const one of failed) this.#fail(one, cause);
        if (!batch.isAbandoned) return;
      }
    }
  }

  #fail(batch: DownloadBatch, cause: unknown): void {
    for (const file of batch.files) this.#forget(file);
    batch.fail(cause);
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
}

/** The files that one fetch holds. */
class HeldPackages implements FetchedPackages {
  readonly #pool: PackagePool;
  readonly #start: (wanted: readonly DebianPackage[]) => void;
  readonly #files: Map<string, PooledFile>;
  /** Those whose download this fetch started. */
  readonly #own = new Set<PooledFile>();
  #isDisposed = false;

  /** @param start begins to download packages that the pool does not have */
  constructor(
    pool: PackagePool,
    packages: readonly DebianPackage[],
    start: (wanted: readonly DebianPackage[]) => void,
  ) {
    this.#pool = pool;
    this.#start = start;
    const missing = packages.filter((wanted) => pool.find(wanted) === undefined);
    start(missing);
    this.#files = new Map(packages.map((wanted) => [wanted.sha256, this.#hold(wanted)]));
    for (const wanted of missing) this.#own.add(this.#files.get(wanted.sha256) as PooledFile);
  }

  async ready(wanted: DebianPackage, signal: AbortSignal): Promise<void> {
    await this.#downloaded(wanted, signal);
  }

  async file(wanted: DebianPackage, signal: AbortSignal): Promise<string> {
    const file = await this.#downloaded(wanted, signal);
    await file.verify();
    return file.path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    await this.#pool.release(this.#files.values());
  }

  async #downloaded(wanted: DebianPackage, signal: AbortSignal): Promise<PooledFile> {
    for (;;) {
      const file = this.#files.get(wanted.sha256);
      if (file === undefined) throw new Error(`${wanted.name} was not fetched`);
      try {
        await unlessAborted(file.batch.ready, signal);
        return file;
      } catch (cause) {
        if (signal.aborted || this.#own.has(file) || this.#isDisposed) throw cause;
        await this.#replace(file);
      }
    }
  }

  #hold(wanted: DebianPackage): PooledFile {
    const file = this.#pool.find(wanted);
    if (file === undefined) throw new Error(`${wanted.name} is not being downloaded`);
    file.holders += 1;
    return file;
  }

  async #replace(failed: PooledFile): Promise<void> {
    const { wanted } = failed;
    if (this.#files.get(wanted.sha256) !== failed) return;
    const isMissing = this.#pool.find(wanted) === undefined;
    if (isMissing) this.#start([wanted]);
    const file = this.#hold(wanted);
    if (isMissing) this.#own.add(file);
    this.#files.set(wanted.sha256, file);
    await this.#pool.release([failed]);
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
