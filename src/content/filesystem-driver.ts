import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Awaitable } from "../oci/awaitable.ts";
import type { ByteRange } from "../oci/byte-range.ts";
import type { ByteSource } from "../oci/byte-source.ts";
import type { Digest } from "../oci/digest.ts";
import { UPLOADS_PREFIX } from "./blob-paths.ts";
import type { ContentDriver, StoredBlob, UploadId, UploadState } from "./content-driver.ts";
import { DurableFolders, type SyncFolder, syncFolder } from "./durable-folders.ts";
import { type SyncData, syncData } from "./file-appender.ts";
import { FilesystemBlobs } from "./filesystem-blobs.ts";
import { FilesystemUploads } from "./filesystem-uploads.ts";
import { reportingFailure } from "./storage-failure.ts";

const NAME = "filesystem";

/** Where the files lie, and how they are made durable. */
export interface FilesystemDriverOptions {
  /** Folder for blobs and uploads, made when it is missing; all of it on one filesystem. */
  readonly root: string;
  /** Replaces the system calls that wait for the disk, to see what happens when they fail. */
  readonly sync?: DiskSync;
  /** Whether large uploads are written past the page cache where the file system can do that; so unless told. */
  readonly directWrites?: boolean;
}

interface DiskSync {
  readonly data: SyncData;
  readonly folder: SyncFolder;
}

/**
 * Blobs as files, under Distribution's layout.
 *
 * One process at a time may append to an upload; blobs may be read, published and deleted by several.
 */
export class FilesystemDriver implements ContentDriver {
  readonly name = NAME;
  readonly #blobs: FilesystemBlobs;
  readonly #uploads: FilesystemUploads;

  private constructor(root: string, sync: DiskSync, directWrites: boolean) {
    this.#blobs = new FilesystemBlobs(NAME, root, new DurableFolders(root, sync.folder), sync.data);
    this.#uploads = new FilesystemUploads(NAME, root, { syncData: sync.data, directWrites });
  }

  /**
   * The driver over a folder, which exists durably once this resolves.
   *
   * @throws {StorageError} when the folder cannot be made
   */
  static async open(options: FilesystemDriverOptions): Promise<FilesystemDriver> {
    const root = resolve(options.root);
    const sync = options.sync ?? { data: syncData, folder: syncFolder };
    return reportingFailure(NAME, "open", root, async () => {
      const first = await mkdir(join(root, UPLOADS_PREFIX), { recursive: true });
      if (first !== undefined) await syncUpwards(root, dirname(first), sync.folder);
      return new FilesystemDriver(root, sync, options.directWrites ?? true);
    });
  }

  async stat(digest: Digest): Promise<{ readonly size: number } | undefined> {
    return this.#blobs.stat(digest);
  }

  async open(digest: Digest, size: number, range?: ByteRange): Promise<Blob | undefined> {
    return this.#blobs.open(digest, size, range);
  }

  delete(digest: Digest): Promise<void> {
    return this.#blobs.delete(digest);
  }

  list(after?: Digest): AsyncIterable<StoredBlob> {
    return this.#blobs.list(after);
  }

  createUpload(id: UploadId): Promise<void> {
    return this.#uploads.create(id);
  }

  statUpload(id: UploadId): Promise<UploadState | undefined> {
    return this.#uploads.stat(id);
  }

  appendUpload(
    id: UploadId,
    offset: number,
    source: ByteSource,
    tap: (piece: Uint8Array) => Awaitable<void>,
  ): Promise<UploadState> {
    return this.#uploads.append(id, offset, source, tap);
  }

  readUpload(id: UploadId): ByteSource {
    return this.#uploads.read(id);
  }

  async publishUpload(id: UploadId, digest: Digest, revision: string): Promise<void> {
    await reportingFailure(NAME, "publish", digest, async () => {
      const path = await this.#uploads.settle(id, revision);
      await this.#blobs.place(path, digest);
      await this.#uploads.discard(id);
    });
  }

  renewBlob(digest: Digest, size: number): Promise<boolean> {
    return this.#blobs.renew(digest, size);
  }

  discardUpload(id: UploadId): Promise<void> {
    return this.#uploads.discard(id);
  }

  listUploads(): AsyncIterable<{ readonly id: UploadId; readonly modifiedAt: Date }> {
    return this.#uploads.list();
  }

  /** Holds nothing between calls. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Syncs every folder from `lowest` up to and including `highest`. */
async function syncUpwards(lowest: string, highest: string, sync: SyncFolder): Promise<void> {
  for (let path = lowest; ; path = dirname(path)) {
    await sync(path);
    if (path === highest || path === dirname(path)) return;
  }
}
