import type { ByteRange } from "../bytes/byte-range.ts";
import type { ByteSource } from "../bytes/byte-source.ts";
import { PIECE_BYTES } from "../bytes/piece-buffer.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import type { Digest } from "../oci/digest.ts";
import {
  type ContentDriver,
  type ListedUpload,
  StorageError,
  type StoredBlob,
  type UploadId,
  UploadLock,
  type UploadState,
} from "./content-driver.ts";

/** Limits of the driver. */
export interface MemoryDriverOptions {
  /** Maximum bytes of blobs and uploads together; an append beyond that fails. */
  readonly maxBytes: number;
}

interface MemoryBlob {
  readonly content: Blob;
  readonly modifiedAt: Date;
}

interface MemoryUpload {
  chunks: Uint8Array<ArrayBuffer>[];
  size: number;
  revision: number;
  modifiedAt: Date;
}

/** Blobs in this process's memory, for tests and small registries. They live as long as the process. */
export class MemoryDriver implements ContentDriver {
  readonly name = "memory";
  readonly #maxBytes: number;
  readonly #blobs = new Map<Digest, MemoryBlob>();
  readonly #uploads = new Map<UploadId, MemoryUpload>();
  readonly #locked = new Set<UploadId>();
  #heldBytes = 0;

  constructor(options: MemoryDriverOptions) {
    this.#maxBytes = options.maxBytes;
  }

  stat(digest: Digest): Awaitable<{ readonly size: number } | undefined> {
    const blob = this.#blobs.get(digest);
    return blob && { size: blob.content.size };
  }

  open(digest: Digest, size: number, range?: ByteRange): Awaitable<Blob | undefined> {
    const content = this.#blobs.get(digest)?.content;
    return content?.size === size ? content.slice(range?.start ?? 0, range?.end ?? size) : undefined;
  }

  async *read(digest: Digest, size: number, { start, end }: ByteRange): AsyncGenerator<Uint8Array> {
    const content = await this.open(digest, size);
    if (content === undefined)
      throw new StorageError(this.name, "read", digest, `not stored with ${size} bytes`);
    for (let position = start; position < end; position += PIECE_BYTES) {
      yield await content.slice(position, Math.min(position + PIECE_BYTES, end)).bytes();
    }
  }

  async delete(digest: Digest): Promise<void> {
    this.#heldBytes -= this.#blobs.get(digest)?.content.size ?? 0;
    this.#blobs.delete(digest);
  }

  async *list(after?: Digest): AsyncGenerator<StoredBlob> {
    for (const digest of [...this.#blobs.keys()].sort()) {
      const blob = this.#blobs.get(digest);
      if (blob === undefined || (after !== undefined && digest <= after)) continue;
      yield { digest, size: blob.content.size, modifiedAt: blob.modifiedAt };
    }
  }

  async createUpload(id: UploadId): Promise<void> {
    if (this.#uploads.has(id)) throw new StorageError(this.name, "create upload", id, "the id is in use");
    this.#uploads.set(id, { chunks: [], size: 0, revision: 0, modifiedAt: new Date() });
  }

  async statUpload(id: UploadId): Promise<UploadState | undefined> {
    const upload = this.#uploads.get(id);
    return upload && stateOf(upload);
  }

  async uploadChangedAt(id: UploadId): Promise<Date | undefined> {
    return this.#uploads.get(id)?.modifiedAt;
  }

  lockUpload(id: UploadId): UploadLock | "busy" | undefined {
    if (this.#locked.has(id)) return "busy";
    if (!this.#uploads.has(id)) return undefined;
    this.#locked.add(id);
    return new UploadLock(id, () => void this.#locked.delete(id));
  }

  async appendUpload(
    { id }: UploadLock,
    offset: number,
    source: ByteSource,
    tap: (piece: Uint8Array) => Awaitable<void>,
  ): Promise<UploadState> {
    const upload = this.#existing(id, "append to upload");
    if (offset !== upload.size) {
      throw new StorageError(this.name, "append to upload", id, `holds ${upload.size} bytes, not ${offset}`);
    }
    for await (const chunk of source) {
      // If the upload was dropped in the meantime, nothing would subtract these bytes.
      this.#existing(id, "append to upload");
      await tap(chunk);
      if (this.#heldBytes + chunk.byteLength > this.#maxBytes) {
        const reason = `more than ${this.#maxBytes} bytes in total`;
        throw new StorageError(this.name, "append to upload", id, reason, "full");
      }
      this.#heldBytes += chunk.byteLength;
      upload.chunks.push(new Uint8Array(chunk));
      upload.size += chunk.byteLength;
      upload.revision += 1;
      upload.modifiedAt = new Date();
    }
    return stateOf(upload);
  }

  async truncateUpload({ id }: UploadLock, size: number): Promise<UploadState> {
    const upload = this.#existing(id, "truncate upload");
    if (upload.size < size) {
      throw new StorageError(this.name, "truncate upload", id, `holds ${upload.size} bytes, not ${size}`);
    }
    this.#heldBytes -= upload.size - size;
    upload.size = size;
    let left = size;
    upload.chunks = upload.chunks.flatMap((chunk) => {
      const kept = chunk.slice(0, left);
      left -= kept.byteLength;
      return kept.byteLength === 0 ? [] : [kept];
    });
    upload.revision += 1;
    upload.modifiedAt = new Date();
    return stateOf(upload);
  }

  async *readUpload(id: UploadId): AsyncGenerator<Uint8Array> {
    yield* this.#existing(id, "read upload").chunks;
  }

  async publishUpload({ id }: UploadLock, digest: Digest, revision: string): Promise<void> {
    const upload = this.#existing(id, "publish");
    if (stateOf(upload).revision !== revision) {
      throw new StorageError(this.name, "publish", digest, "another process wrote to the upload", "busy");
    }
    this.#heldBytes -= this.#blobs.get(digest)?.content.size ?? 0;
    this.#uploads.delete(id);
    this.#blobs.set(digest, { content: new Blob(upload.chunks), modifiedAt: new Date() });
  }

  async discardUpload({ id }: UploadLock): Promise<void> {
    this.#heldBytes -= this.#uploads.get(id)?.size ?? 0;
    this.#uploads.delete(id);
  }

  async *listUploads(): AsyncGenerator<ListedUpload> {
    for (const [id, { size, modifiedAt }] of [...this.#uploads]) yield { id, size, modifiedAt };
  }

  /** Forgets everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#blobs.clear();
    this.#uploads.clear();
    this.#heldBytes = 0;
  }

  #existing(id: UploadId, operation: string): MemoryUpload {
    const upload = this.#uploads.get(id);
    if (upload === undefined) throw new StorageError(this.name, operation, id, "no such upload");
    return upload;
  }
}

function stateOf(upload: MemoryUpload): UploadState {
  return { size: upload.size, revision: String(upload.revision) };
}
