import type { ByteSource } from "../bytes/byte-source.ts";
import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import type { BlobIngester, BlobUpload } from "../content/blob-services.ts";
import type { UploadId } from "../content/content-driver.ts";
import type { UploadLedger, UploadRecord } from "../metadata/ports/upload-ledger.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { storageFailure } from "../oci/storage-error.ts";
import { type AppendClaim, claimed } from "./append-claim.ts";
import { cancelled, unlessBusy, uploadUnknown } from "./upload-faults.ts";
import { UploadWatch } from "./upload-watch.ts";

/** The state of an upload. */
export interface UploadStatus {
  readonly id: UploadId;
  /** Bytes stored so far. */
  readonly size: number;
}

/** The services that {@link Uploads} needs. */
export interface UploadsParts {
  readonly ingester: BlobIngester;
  readonly ledger: UploadLedger;
}

/** Stale sessions to look at a time. */
const PURGE_BATCH = 100;

/**
 * Upload sessions. Each can be used only through the repository in which it was opened. {@link BlobCommit} finishes them.
 */
export class Uploads {
  readonly #ingester: BlobIngester;
  readonly #ledger: UploadLedger;
  readonly #watch: UploadWatch;

  constructor({ ingester, ledger }: UploadsParts) {
    this.#ingester = ingester;
    this.#ledger = ledger;
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
   * Drops every upload that has not changed since `unchangedSince`, with its session if it has one, and every session of
   * that age whose upload is gone. Leaves uploads alone that a request works on. Resolves to their number. Passes failures
   * to `onFailure`; the next call retries them.
   *
   * @throws the signal's reason soon after it is aborted
   */
  async purge(
    unchangedSince: Date,
    onFailure: (error: unknown) => void,
    signal: AbortSignal,
  ): Promise<number> {
    let purged = 0;
    for await (const { id, modifiedAt } of this.#ingester.listUploads()) {
      signal.throwIfAborted();
      if (modifiedAt >= unchangedSince) continue;
      const upload = this.#ingester.uploadOf(id);
      const isDropped = await upload
        .expire(unchangedSince, () => this.#ledger.removeUpload(id))
        .catch(onFailure);
      if (isDropped === true) purged += 1;
    }
    return purged + (await this.#endEmptySessions(unchangedSince, signal));
  }

  /** Ends sessions whose upload is gone: a process died in between, or the blob was published and never linked. */
  async #endEmptySessions(startedBefore: Date, signal: AbortSignal): Promise<number> {
    let ended = 0;
    let after: UploadRecord | undefined;
    for (let isMore = true; isMore; ) {
      const sessions = await this.#ledger.listStaleUploads(startedBefore, PURGE_BATCH, after);
      for (const { id } of sessions) {
        signal.throwIfAborted();
        const isEmpty = (await this.#ingester.resume(id)) === undefined;
        if (isEmpty && (await this.#ledger.removeUpload(id))) ended += 1;
      }
      after = sessions.at(-1);
      isMore = sessions.length === PURGE_BATCH;
    }
    return ended;
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
}
