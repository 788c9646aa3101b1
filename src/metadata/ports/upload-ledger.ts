import type { BlobDescriptor } from "../../content/blob-services.ts";
import type { UploadId } from "../../content/content-driver.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import type { BlobLinks } from "./blob-ledger.ts";

/** An upload session. Its bytes are in the content driver. */
export interface UploadRecord {
  readonly id: UploadId;
  readonly repository: RepositoryName;
  readonly startedAt: Date;
  /** What the upload becomes, once its bytes are verified; its bytes may be published by now. */
  readonly sealed?: SealedUpload | undefined;
}

/** The blob that an upload becomes. */
export interface SealedUpload {
  readonly blob: BlobDescriptor;
  /** The digest that the client claimed. */
  readonly digest: Digest;
}

/** An upload session that became a blob. */
export interface FinishedUpload {
  readonly id: UploadId;
  readonly repository: RepositoryName;
  readonly blob: BlobDescriptor;
  /** The digests under which the repository links the blob. */
  readonly digests: readonly Digest[];
}

/** Which upload belongs to which repository. */
export interface UploadLedger {
  /** Records a new upload session, which survives a restart of the process. */
  addUpload(upload: UploadRecord): Promise<void>;
  /** The session, if it was opened in this repository. */
  findUpload(repository: RepositoryName, id: UploadId): Promise<UploadRecord | undefined>;
  /**
   * Records what the upload becomes; false if the repository has no such session. Survives a restart of the process.
   */
  sealUpload(upload: Pick<UploadRecord, "id" | "repository"> & SealedUpload): Promise<boolean>;
  /** Removes a session; false if there is none. */
  removeUpload(id: UploadId): Promise<boolean>;

  /**
   * Removes a session and links the blob like {@link BlobLinks.linkBlob}, in one durable transaction; false, and
   * nothing is linked, if the repository has no such session. So if a finish and a removal run at the same time,
   * exactly one succeeds.
   */
  finishUpload(upload: FinishedUpload): Promise<boolean>;

  /** The blob that the repository links. Resolves only once the link survives a power cut. */
  findFinished(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined>;

  /** At most `limit` sessions that started before `startedBefore`, in order, from the one behind `after` on. */
  listStaleUploads(
    startedBefore: Date,
    limit: number,
    after?: Pick<UploadRecord, "id" | "startedAt">,
  ): Promise<readonly UploadRecord[]>;
}
