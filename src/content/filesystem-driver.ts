import { mkdtemp, rmdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { ByteRange } from "../bytes/byte-range.ts";
import type { ByteSource } from "../bytes/byte-source.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import { makeDurableFolder, type SyncFolder, syncFolder } from "../files/durable-folder.ts";
import { FolderLock } from "../files/file-lock.ts";
import type { Digest } from "../oci/digest.ts";
import { UPLOADS_PREFIX } from "./blob-paths.ts";
import type {
  ContentDriver,
  ListedUpload,
  StoredBlob,
  UploadId,
  UploadLock,
  UploadState,
} from "./content-driver.ts";
import { DurableFolders } from "./durable-folders.ts";
import { type SyncData, syncData } from "./early-flush.ts";
import { FilesystemBlobs } from "./filesystem-blobs.ts";
import { FilesystemUploads } from "./filesystem-uploads.ts";
import { RootFolder } from "./root-folder.ts";
import { reportingFailure } from "./storage-failure.ts";

const NAME = "filesystem";

/** Where the files are, and how to make them durable. */
export interface FilesystemDriverOptions {
  /** Folder for blobs and uploads, created if missing. All of it must be on one filesystem. */
  readonly root: string;
  /** Replaces the system calls that wait for the disk, so that tests can make them fail. */
  readonly sync?: DiskSync;
  /** Whether large writes bypass the system's page cache if the file system can; default true. */
  readonly directWrites?: boolean;
  /** Called before bytes are written; throws if the disk's last space is kept for something else. */
  readonly requireSpace?: (() => void) | undefined;
}

interface DiskSync {
  readonly data: SyncData;
  readonly folder: SyncFolder;
}

/**
 * Blobs as files, under Distribution's layout.
 *
 * Only one process at a time may append to an upload; several can read, publish and delete blobs.
 */
export class FilesystemDriver implements ContentDriver {
  readonly name = NAME;
  readonly #root: RootFolder;
  readonly #blobs: FilesystemBlobs;
  readonly #uploads: FilesystemUploads;

  private constructor(folder: RootFolder, sync: DiskSync, options: FilesystemDriverOptions) {
    const { directWrites = true, requireSpace = () => {} } = options;
    this.#root = folder;
    const root = folder.path;
    this.#blobs = new FilesystemBlobs(NAME, root, new DurableFolders(root, sync.folder));
    this.#uploads = new FilesystemUploads(NAME, root, { syncData: sync.data, directWrites, requireSpace });
  }

  /**
   * Opens the driver over a folder. The folder exists durably once this resolves.
   *
   * @throws {StorageError} if the folder cannot be created
   */
  static async open(options: FilesystemDriverOptions): Promise<FilesystemDriver> {
    const root = resolve(options.root);
    const sync = options.sync ?? { data: syncData, folder: syncFolder };
    return reportingFailure(NAME, "open", root, async () => {
      await makeDurableFolder(join(root, UPLOADS_PREFIX), sync.folder);
      await requireLocks(join(root, UPLOADS_PREFIX));
      return new FilesystemDriver(new RootFolder(NAME, root), sync, options);
    });
  }

  stat(digest: Digest): { readonly size: number } | undefined {
    return this.#blobs.stat(digest);
  }

  open(digest: Digest, size: number, range?: ByteRange): Blob | undefined {
    return this.#blobs.open(digest, size, range);
  }

  read(digest: Digest, size: number, range: ByteRange): ByteSource {
    return this.#blobs.read(digest, size, range);
  }

  delete(digest: Digest): Promise<void> {
    return this.#blobs.delete(digest);
  }

  list(after?: Digest): AsyncIterable<StoredBlob> {
    return this.#blobs.list(after);
  }

  async createUpload(id: UploadId): Promise<void> {
    this.#root.checkPresence();
    await this.#uploads.create(id);
  }

  statUpload(id: UploadId): Promise<UploadState | undefined> {
    return this.#uploads.stat(id);
  }

  uploadChangedAt(id: UploadId): Promise<Date | undefined> {
    return this.#uploads.changedAt(id);
  }

  lockUpload(id: UploadId): UploadLock | "busy" | undefined {
    return this.#uploads.lock(id);
  }

  appendUpload(
    { id }: UploadLock,
    offset: number,
    source: ByteSource,
    tap: (piece: Uint8Array) => Awaitable<void>,
  ): Promise<UploadState> {
    return this.#uploads.append(id, offset, source, tap);
  }

  truncateUpload({ id }: UploadLock, size: number): Promise<UploadState> {
    return this.#uploads.truncate(id, size);
  }

  readUpload(id: UploadId): ByteSource {
    return this.#uploads.read(id);
  }

  async publishUpload({ id }: UploadLock, digest: Digest, revision: string): Promise<void> {
    await reportingFailure(NAME, "publish", digest, async () => {
      // Otherwise the blob's folders would be created where the lost root was.
      this.#root.checkPresence();
      const path = await this.#uploads.syncOrDiscard(id, revision);
      await this.#blobs.place(path, digest);
      await this.#uploads.discard(id);
    });
  }

  discardUpload({ id }: UploadLock): Promise<void> {
    return this.#uploads.discard(id);
  }

  listUploads(): AsyncIterable<ListedUpload> {
    return this.#uploads.list();
  }

  checkPresence(): void {
    this.#root.checkPresence();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#root[Symbol.dispose]();
  }
}

/** Some file systems refuse all locks; some network file systems grant the same lock twice. */
async function requireLocks(folder: string): Promise<void> {
  const probe = await mkdtemp(join(folder, "probe-"));
  try {
    const found = FolderLock.tryAcquire(probe);
    if (!(found instanceof FolderLock)) throw new Error("the file system does not support locks");
    using _first = found;
    if (FolderLock.tryAcquire(probe) !== "busy")
      throw new Error("the file system grants the same lock twice");
  } finally {
    await rmdir(probe);
  }
}
