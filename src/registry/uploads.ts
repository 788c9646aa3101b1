import { type ByteSource, nothing } from "../bytes/byte-source.ts";
import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import type { BlobDescriptor, BlobIngester, BlobProvider, BlobUpload } from "../content/blob-services.ts";
import type { UploadId } from "../content/content-driver.ts";
import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import type { UploadLedger } from "../metadata/ports/upload-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { storageFailure } from "../oci/storage-error.ts";
import { type AppendClaim, claimed } from "./append-claim.ts";
import { linkNames } from "./linked-blobs.ts";
import { cancelled, isGone, unlessBusy, uploadUnknown } from "./upload-faults.ts";
import { UploadWatch } from "./upload-watch.ts";

/** The state of an upload. */
export interface UploadStatus {
  readonly id: UploadId;
  /** Bytes stored so far. */
  readonly size: number;
}

/** A client's request to finish an upload. */
export interface UploadEnd {
  /** The last chunk; absent if everything was sent before. */
  readonly source: ByteSource | undefined;
  /** The claimed digest of the content. */
  readonly digest: Digest;
  readonly claim?: AppendClaim;
  /** Whether the caller may know which blobs the repository has. */
  readonly mayPull: boolean;
}

/** The services that {@link Uploads} needs. */
export interface UploadsParts {
  readonly ingester: BlobIngester;
  readonly provider: BlobProvider;
  readonly ledger: UploadLedger;
  readonly links: BlobLinks;
}

/** Stale sessions to drop at a time. */
const PURGE_BATCH = 100;

/** Upload sessions. Each can be used only through the repository in which it was opened. */
export class Uploads {
  readonly #ingester: BlobIngester;
  readonly #provider: BlobProvider;
  readonly #ledger: UploadLedger;
  readonly #links: BlobLinks;
  readonly #watch: UploadWatch;

  constructor({ ingester, provider, ledger, links }: UploadsParts) {
    this.#ingester = ingester;
    this.#provider = provider;
    this.#ledger = ledger;
    this.#links = links;
    this.#watch = new UploadWatch(ledger);
  }

  /**
   * Opens a session (distribution-spec end-4a); `algorithm` is the digest algorithm that the client will use
   * (end-4c).
   */
  async start(repository: RepositoryName, algorithm?: DigestAlgorithm): Promise<UploadStatus> {
    const upload = await this.#ingester.create(algorithm);
    try {
      await this.#ledger.addUpload({ id: upload.id, repository, startedAt: new Date() });
    } catch (error) {
      await upload.cancel();
      throw error;
    }
    return { id: upload.id, size: 0 };
  }

  /** The size of the upload. Does not wait for running requests. @throws {RegistryError} `upload-unknown` */
  async status(repository: RepositoryName, id: UploadId): Promise<UploadStatus> {
    const upload = await this.#resume(repository, id);
    return { id, size: await upload.size() };
  }

  /**
   * Appends a chunk (distribution-spec end-5). After a failure, the bytes that arrived are kept, and the client can
   * continue.
   *
   * @throws {RegistryError} `upload-unknown`, `upload-busy`, `upload-out-of-order`, `length-mismatch`
   */
  async append(
    repository: RepositoryName,
    id: UploadId,
    source: ByteSource,
    claim: AppendClaim = {},
  ): Promise<UploadStatus> {
    const upload = await this.#resume(repository, id);
    // Do not acknowledge an upload that another process cancelled.
    const confirm = async () => {
      if ((await this.#ledger.findUpload(repository, id)) === undefined) throw cancelled();
    };
    const size = await this.#watch.run(repository, upload, () =>
      upload.append(claimed(source, claim), claim.start, confirm),
    );
    return { id, size };
  }

  /**
   * Appends the last chunk, if any, verifies the digest, and links the blob (distribution-spec end-6). After a
   * failure, the upload has the size it had before.
   *
   * Idempotent: if the upload has ended and the repository links the digest, it succeeds again.
   *
   * @throws {RegistryError} `upload-unknown`, `upload-busy`, `upload-out-of-order`, `length-mismatch`,
   * `digest-mismatch`
   */
  async finish(repository: RepositoryName, id: UploadId, end: UploadEnd): Promise<BlobDescriptor> {
    try {
      if ((await this.#ledger.findUpload(repository, id)) === undefined) throw uploadUnknown();
      // Its bytes may be gone because the same finish is running already. Then wait for a turn, to learn how that one
      // ended.
      const upload = this.#ingester.uploadOf(id);
      return await this.#watch.run(repository, upload, () => this.#commit(repository, upload, end));
    } catch (error) {
      const finished = isGone(error) && end.mayPull && (await this.#findLinked(repository, end.digest));
      if (!finished) throw error;
      return finished;
    }
  }

  /**
   * Receives a whole blob in one request (distribution-spec end-4b). Leaves nothing behind if it fails.
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
      return await upload.commit({ digest }, (blob) =>
        this.#links.linkBlob(repository, blob, linkNames(blob, digest)),
      );
    } catch (error) {
      await upload.cancel();
      throw error;
    }
  }

  /**
   * Ends a session and its running append, and drops its bytes (distribution-spec end-14).
   *
   * @throws {RegistryError} `upload-unknown`, also if a finish came first
   */
  async cancel(repository: RepositoryName, id: UploadId): Promise<void> {
    const recorded = await this.#ledger.findUpload(repository, id);
    const isEnded = recorded !== undefined && (await this.#endSession(id));
    if (!isEnded) throw uploadUnknown();
    const upload = await this.#ingester.resume(id);
    await upload?.cancel().catch(unlessBusy);
  }

  /**
   * Drops every session started before `startedBefore`, and every upload without a session that has not changed since
   * then, which killed processes leave behind. Resolves to their number. Passes failures to `onFailure`; the next call
   * retries them.
   *
   * @throws the signal's reason soon after it is aborted
   */
  async purge(
    startedBefore: Date,
    onFailure: (error: unknown) => void,
    signal: AbortSignal,
  ): Promise<number> {
    const drop = async (id: UploadId) => {
      const upload = await this.#ingester.resume(id);
      await upload?.cancel().catch(onFailure);
    };
    let purged = 0;
    for (let stale = PURGE_BATCH; stale === PURGE_BATCH; purged += stale) {
      const sessions = await this.#ledger.listStaleUploads(startedBefore, PURGE_BATCH);
      for (const { id } of sessions) {
        signal.throwIfAborted();
        await this.#endSession(id);
        await drop(id);
      }
      stale = sessions.length;
    }
    // A session is older than its upload, so the session of an upload this old is gone by now.
    for await (const { id, modifiedAt } of this.#ingester.listUploads()) {
      signal.throwIfAborted();
      if (modifiedAt >= startedBefore) continue;
      await drop(id);
      purged += 1;
    }
    return purged;
  }

  /**
   * Ends the session; false if there was none. If the storage has no space to record that, drops the upload's bytes
   * first.
   */
  async #endSession(id: UploadId): Promise<boolean> {
    try {
      return await this.#ledger.removeUpload(id);
    } catch (error) {
      if (storageFailure(error)?.condition !== "full") throw error;
      const upload = await this.#ingester.resume(id);
      await upload?.cancel();
      return await this.#ledger.removeUpload(id);
    }
  }

  async #resume(repository: RepositoryName, id: UploadId): Promise<BlobUpload> {
    const recorded = await this.#ledger.findUpload(repository, id);
    const upload = recorded && (await this.#ingester.resume(id));
    if (upload === undefined) throw uploadUnknown();
    return upload;
  }

  async #commit(
    repository: RepositoryName,
    upload: BlobUpload,
    { source, digest, claim = {} }: UploadEnd,
  ): Promise<BlobDescriptor> {
    const record = async (blob: BlobDescriptor) => {
      const digests = linkNames(blob, digest);
      const isFinished = await this.#ledger.finishUpload({ id: upload.id, repository, blob, digests });
      if (!isFinished) throw uploadUnknown();
    };
    if (source === undefined && claim.start === undefined) return upload.commit({ digest }, record);
    const last = { source: claimed(source ?? nothing(), claim), offset: claim.start };
    return upload.commitWith(last, { digest }, record);
  }

  /** The blob, if the repository links it and its content exists. */
  async #findLinked(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined> {
    const blob = await this.#links.findLinkedBlob(repository, digest);
    return blob !== undefined && (await this.#provider.holds(blob)) ? blob : undefined;
  }
}
