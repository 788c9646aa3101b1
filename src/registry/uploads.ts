import type { BlobDescriptor, BlobIngester, BlobUpload } from "../content/blob-services.ts";
import type { UploadId } from "../content/content-driver.ts";
import type { BlobLinks, UploadLedger } from "../metadata/metadata-store.ts";
import type { ByteSource } from "../oci/byte-source.ts";
import type { DigestAlgorithm } from "../oci/content-hash.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { linkNames } from "./link-names.ts";

/** Where an upload stands. */
export interface UploadStatus {
  readonly id: UploadId;
  /** Bytes taken so far. */
  readonly size: number;
}

/** What a client says of the bytes it appends; both are checked against the truth. */
export interface AppendClaim {
  /** The offset of the first byte, from `Content-Range`. */
  readonly start?: number;
  /** How many bytes the range spans. */
  readonly length?: number;
}

/** Stale sessions dropped at a time. */
const PURGE_BATCH = 100;

/** Upload sessions of repositories: each is reachable through the repository it was opened in, and nowhere else. */
export class Uploads {
  readonly #ingester: BlobIngester;
  readonly #ledger: UploadLedger;
  readonly #links: BlobLinks;

  constructor(ingester: BlobIngester, ledger: UploadLedger, links: BlobLinks) {
    this.#ingester = ingester;
    this.#ledger = ledger;
    this.#links = links;
  }

  /** Opens a session (distribution-spec end-4a); `algorithm` is what the client will name the blob by (end-4c). */
  async start(repository: RepositoryName, algorithm?: DigestAlgorithm): Promise<UploadStatus> {
    const upload = await this.#ingester.create(algorithm);
    await this.#ledger.addUpload({ id: upload.id, repository, startedAt: new Date() });
    return { id: upload.id, size: 0 };
  }

  /** @throws {RegistryError} `upload-unknown` */
  async status(repository: RepositoryName, id: UploadId): Promise<UploadStatus> {
    const upload = await this.#resume(repository, id);
    return { id, size: await upload.size() };
  }

  /**
   * Appends a chunk (distribution-spec end-5). What arrived before a failure stays, and can be resumed.
   *
   * @throws {RegistryError} `upload-unknown`, `upload-out-of-order`, `length-mismatch`
   */
  async append(
    repository: RepositoryName,
    id: UploadId,
    source: ByteSource,
    claim: AppendClaim = {},
  ): Promise<UploadStatus> {
    const upload = await this.#resume(repository, id);
    return { id, size: await append(upload, source, claim) };
  }

  /**
   * Appends the last chunk, if any, verifies the digest, and links the blob (distribution-spec end-6).
   * A digest that does not match leaves the session open.
   *
   * @throws {RegistryError} `upload-unknown`, `upload-out-of-order`, `length-mismatch`, `digest-mismatch`
   */
  async finish(
    repository: RepositoryName,
    id: UploadId,
    source: ByteSource | undefined,
    digest: Digest,
    claim: AppendClaim = {},
  ): Promise<BlobDescriptor> {
    const upload = await this.#resume(repository, id);
    if (source !== undefined || claim.start !== undefined) await append(upload, source ?? nothing(), claim);
    const blob = await upload.commit({ digest });
    await this.#links.linkBlob(repository, blob, linkNames(blob, digest));
    await this.#ledger.removeUpload(id);
    return blob;
  }

  /**
   * Takes a whole blob in one request (distribution-spec end-4b). Nothing is left when it fails.
   *
   * @throws {RegistryError} `digest-mismatch`
   */
  async putWhole(
    repository: RepositoryName,
    source: ByteSource,
    digest: Digest,
    algorithm: DigestAlgorithm,
  ): Promise<BlobDescriptor> {
    const upload = await this.#ingester.create(algorithm);
    try {
      await upload.append(source);
      const blob = await upload.commit({ digest });
      await this.#links.linkBlob(repository, blob, linkNames(blob, digest));
      return blob;
    } catch (error) {
      await upload.cancel();
      throw error;
    }
  }

  /** Ends a session and drops its bytes (distribution-spec end-14). @throws {RegistryError} `upload-unknown` */
  async cancel(repository: RepositoryName, id: UploadId): Promise<void> {
    const upload = await this.#resume(repository, id);
    const present = await upload.cancel();
    await this.#ledger.removeUpload(id);
    // Another request ended it meanwhile.
    if (!present) throw uploadUnknown();
  }

  /**
   * Drops every session begun before `startedBefore`, and every upload unchanged since then that belongs to none: a
   * process that ended in the middle leaves those. Resolves to how many; what cannot be dropped is told to `onFailure`
   * and tried again the next time.
   */
  async purge(startedBefore: Date, onFailure: (error: unknown) => void): Promise<number> {
    const drop = async (id: UploadId) => {
      const upload = await this.#ingester.resume(id);
      await upload?.cancel().catch(onFailure);
    };
    let purged = 0;
    for (let stale = PURGE_BATCH; stale === PURGE_BATCH; purged += stale) {
      const sessions = await this.#ledger.listStaleUploads(startedBefore, PURGE_BATCH);
      for (const { id } of sessions) {
        await drop(id);
        await this.#ledger.removeUpload(id);
      }
      stale = sessions.length;
    }
    // A session of an upload that old has begun before it, and so is gone by now.
    for await (const { id, modifiedAt } of this.#ingester.listUploads()) {
      if (modifiedAt >= startedBefore) continue;
      await drop(id);
      purged += 1;
    }
    return purged;
  }

  async #resume(repository: RepositoryName, id: UploadId): Promise<BlobUpload> {
    const recorded = await this.#ledger.findUpload(repository, id);
    const upload = recorded && (await this.#ingester.resume(id));
    if (upload === undefined) throw uploadUnknown();
    return upload;
  }
}

function uploadUnknown(): RegistryError {
  return new RegistryError("upload-unknown", "blob upload unknown to registry");
}

async function append(upload: BlobUpload, source: ByteSource, claim: AppendClaim): Promise<number> {
  const bytes = claim.length === undefined ? source : exactly(source, claim.length);
  return await upload.append(bytes, claim.start);
}

/** Passes `source` on, failing as soon as it is longer than it claims, or at its end when it is shorter. */
async function* exactly(source: ByteSource, length: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of source) {
    seen += chunk.byteLength;
    if (seen > length) break;
    yield chunk;
  }
  if (seen !== length) {
    throw new RegistryError("length-mismatch", "provided length did not match content length", {
      detail: { length },
    });
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
