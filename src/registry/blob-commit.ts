import { type ByteSource, nothing } from "../bytes/byte-source.ts";
import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import type { BlobDescriptor, BlobIngester, BlobProvider, BlobUpload } from "../content/blob-services.ts";
import type { UploadId } from "../content/content-driver.ts";
import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import type { UploadLedger, UploadRecord } from "../metadata/ports/upload-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { type AppendClaim, claimed } from "./append-claim.ts";
import { linkNames } from "./linked-blobs.ts";
import { isGone, uploadUnknown } from "./upload-faults.ts";
import { UploadWatch } from "./upload-watch.ts";

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

/** The parts of a {@link BlobCommit}. */
export interface BlobCommitParts {
  readonly ingester: BlobIngester;
  readonly provider: BlobProvider;
  readonly ledger: UploadLedger;
  readonly links: BlobLinks;
}

/**
 * Turns uploads into linked blobs: verifies the bytes, publishes them, and links the blob.
 *
 * A session goes through three states: open; sealed, once its bytes are verified; and gone, in the transaction that links
 * the blob. So if something fails in between, repeating the same request finishes it, although the bytes are published.
 */
export class BlobCommit {
  readonly #ingester: BlobIngester;
  readonly #provider: BlobProvider;
  readonly #ledger: UploadLedger;
  readonly #links: BlobLinks;
  readonly #watch: UploadWatch;

  constructor({ ingester, provider, ledger, links }: BlobCommitParts) {
    this.#ingester = ingester;
    this.#provider = provider;
    this.#ledger = ledger;
    this.#links = links;
    this.#watch = new UploadWatch(ledger);
  }

  /**
   * Appends the last chunk, if any, verifies the digest, and links the blob (distribution-spec end-6). After a
   * failure, the upload has the size it had before, or is sealed.
   *
   * Idempotent: if the upload has ended and the repository links the digest, it succeeds again.
   *
   * @throws {RegistryError} `upload-unknown`, `upload-busy`, `upload-out-of-order`, `length-mismatch`,
   * `digest-mismatch`
   */
  async finish(repository: RepositoryName, id: UploadId, end: UploadEnd): Promise<BlobDescriptor> {
    try {
      const session = await this.#ledger.findUpload(repository, id);
      if (session === undefined) throw uploadUnknown();
      // Its bytes may be gone because the same finish is running already. Then wait for a turn, to learn how that one
      // ended.
      const upload = this.#ingester.uploadOf(id);
      return await this.#watch.run(repository, upload, () => this.#finish(session, upload, end));
    } catch (error) {
      if (!isGone(error)) throw error;
      const finished =
        (await this.#finishSealed(repository, id, end.digest)) ??
        (end.mayPull ? await this.#findFinished(repository, end.digest) : undefined);
      if (finished === undefined) throw error;
      return finished;
    }
  }

  /**
   * Receives a whole blob in one request (distribution-spec end-4b). Leaves nothing behind if it fails.
   *
   * @throws {RegistryError} `digest-mismatch`
   */
  putWhole(
    repository: RepositoryName,
    source: ByteSource,
    digest: Digest,
    algorithm: DigestAlgorithm,
  ): Promise<BlobDescriptor> {
    const link = (blob: BlobDescriptor) => this.#links.linkBlob(repository, blob, linkNames(blob, digest));
    return this.#whole(source, (upload) => upload.commit({ digest }, { link }), algorithm);
  }

  /** Stores bytes of a trusted source as a blob without a link. Leaves nothing behind if it fails. */
  ingest(source: ByteSource): Promise<BlobDescriptor> {
    return this.#whole(source, (upload) => upload.commitUnclaimed());
  }

  async #whole(
    source: ByteSource,
    commit: (upload: BlobUpload) => Promise<BlobDescriptor>,
    algorithm?: DigestAlgorithm,
  ): Promise<BlobDescriptor> {
    const upload = await this.#ingester.create(algorithm);
    try {
      await upload.append(source);
      return await commit(upload);
    } catch (error) {
      await upload.cancel();
      throw error;
    }
  }

  async #finish(
    { id, repository, sealed }: UploadRecord,
    upload: BlobUpload,
    { source, digest, claim = {} }: UploadEnd,
  ): Promise<BlobDescriptor> {
    const record = {
      seal: async (blob: BlobDescriptor) => {
        if (!(await this.#ledger.sealUpload({ id, repository, blob, digest }))) throw uploadUnknown();
      },
      link: async (blob: BlobDescriptor) => {
        const digests = linkNames(blob, digest);
        if (!(await this.#ledger.finishUpload({ id, repository, blob, digests }))) throw uploadUnknown();
      },
    };
    if (source === undefined && claim.start === undefined) return upload.commit({ digest }, record);
    const last = {
      source: claimed(source ?? nothing(), claim),
      offset: claim.start,
      endsAt: sealed?.digest === digest ? sealed.blob.size : undefined,
    };
    return upload.commitWith(last, { digest }, record);
  }

  /** Links the blob of a sealed upload whose bytes are published already. */
  async #finishSealed(
    repository: RepositoryName,
    id: UploadId,
    digest: Digest,
  ): Promise<BlobDescriptor | undefined> {
    const sealed = (await this.#ledger.findUpload(repository, id))?.sealed;
    if (sealed?.digest !== digest || !(await this.#provider.holds(sealed.blob))) return undefined;
    const digests = linkNames(sealed.blob, digest);
    const isFinished = await this.#ledger.finishUpload({ id, repository, blob: sealed.blob, digests });
    return isFinished ? sealed.blob : undefined;
  }

  /** The blob, if the repository links it durably and its content exists. */
  async #findFinished(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined> {
    const blob = await this.#ledger.findFinished(repository, digest);
    return blob !== undefined && (await this.#provider.holds(blob)) ? blob : undefined;
  }
}
