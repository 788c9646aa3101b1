import type { ByteSource } from "../bytes/byte-source.ts";
import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import type { BlobIngester, BlobUpload } from "../content/blob-services.ts";
import type { UploadId } from "../content/content-driver.ts";
import type { UploadLedger } from "../metadata/ports/upload-ledger.ts";
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

/** Stale sessions to drop at a time. */
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
}
