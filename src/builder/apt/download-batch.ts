import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { absent } from "../../files/system-error.ts";
import { type DebianPackage, downloadedName, totalSizeOf } from "./debian-package.ts";

/** Downloads packages into a folder, where each has its {@link downloadedName}; stops when `signal` is aborted. */
export type Download = (
  packages: readonly DebianPackage[],
  folder: string,
  signal: AbortSignal,
) => Promise<void>;

/** The file of a package, there or to come. */
export interface PooledFile {
  readonly wanted: DebianPackage;
  readonly path: string;
  /** Downloads it. */
  readonly batch: DownloadBatch;
  /** Rejects if its bytes are not those of the package. Hashes them once, when a layer needs them. */
  readonly verify: () => Promise<void>;
  holders: number;
}

/** Files that are downloaded together. */
export class DownloadBatch {
  readonly files: PooledFile[] = [];
  readonly #folder: string;
  readonly #download: Download;
  readonly #abort = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #isOver = false;

  /** @param folder where the files are downloaded before they get their own paths */
  constructor(folder: string, download: Download) {
    this.#folder = folder;
    this.#download = download;
    // Perhaps nobody waits for it.
    this.#ready.promise.catch(() => {});
  }

  /** Resolves when all its files are there. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Whether nobody held any of its files before it was over. */
  get isAbandoned(): boolean {
    return this.#abort.signal.aborted;
  }

  /**
   * Downloads the files. Afterwards, those that nobody holds are gone.
   *
   * @throws whatever the download throws, and an error when a file is missing; the caller then has the batch {@link fail}
   */
  async run(): Promise<void> {
    this.#running = this.#run();
    await this.#running;
  }

  /** Makes those fail that wait for its files. */
  fail(cause: unknown): void {
    this.#ready.reject(cause);
  }

  /** Removes a file that nobody holds any more. Stops the download if that is true for all its files. */
  async discard(file: PooledFile): Promise<void> {
    if (this.#isOver) return await rm(file.path, { force: true });
    if (this.files.some(({ holders }) => holders > 0)) return;
    this.#abort.abort(new Error("nobody needs the packages any more"));
    await this.#running?.catch(() => {});
  }

  async #run(): Promise<void> {
    let isThere = false;
    try {
      this.#abort.signal.throwIfAborted();
      await this.#fill();
      isThere = true;
      this.#ready.resolve();
    } finally {
      this.#isOver = true;
      for (const { path, holders } of this.files)
        if (!isThere || holders === 0) await rm(path, { force: true });
    }
  }

  async #fill(): Promise<void> {
    const incoming = await mkdtemp(join(this.#folder, "incoming-"));
    try {
      const packages = this.files.map(({ wanted }) => wanted);
      await this.#download(packages, incoming, this.#abort.signal);
      const lost: string[] = [];
      for (const { wanted, path } of this.files) {
        const isThere = await rename(join(incoming, downloadedName(wanted)), path).then(() => true, absent);
        if (isThere === undefined) lost.push(wanted.name);
      }
      if (lost.length > 0) throw new Error(`missing after the download: ${lost.join(", ")}`);
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
  }
}

/** Packages in groups of at least `bytes`, but for the last one. Keeps their order. */
export function inBatches(
  packages: readonly DebianPackage[],
  bytes: number,
): readonly (readonly DebianPackage[])[] {
  const batches: DebianPackage[][] = [];
  for (const one of packages) {
    const last = batches.at(-1);
    if (last === undefined || totalSizeOf(last) >= bytes) batches.push([one]);
    else last.push(one);
  }
  return batches;
}
