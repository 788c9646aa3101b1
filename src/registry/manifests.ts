import type { ByteSource } from "../bytes/byte-source.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import { WorkSlices } from "../concurrency/work-slices.ts";
import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import type { ManifestLedger, StoredManifest } from "../metadata/ports/manifest-ledger.ts";
import type { Platform } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { ParsedManifest, ReferencedContent } from "../oci/manifest.ts";
import { isDigestReference, type Reference, type Tag } from "../oci/reference.ts";
import { RegistryError, RegistryErrors } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { WriteCondition } from "../oci/write-condition.ts";
import type { BlobPresence } from "./blob-presence.ts";
import type { IndexEntries } from "./index-memory.ts";
import type { ManifestThread, ReadableIndex } from "./manifest-thread.ts";

/** The result of a push. */
export interface PushedManifest {
  /** In the client's algorithm, or else the canonical one. */
  readonly digest: Digest;
  readonly subject: Digest | undefined;
}

/** Rules for pushed manifests. */
export interface ManifestRules {
  /** Accepts manifests that name missing content (distribution-spec, "Sparse Manifests"). */
  readonly sparseManifests: boolean;
  /** Accepts indexes and lists that give wrong sizes for their manifests; some programs write such lists. */
  readonly looseListSizes: boolean;
  /** Maximum bytes of the annotations of a manifest with a subject, as JSON. */
  readonly referrerAnnotationBytes: number;
}

/** Maximum missing references to report; a manifest can name tens of thousands. */
const MAX_ERRORS = 100;
/** Maximum blobs to look up in a remote store at a time. */
const CHECKS_AT_ONCE = 32;

/** Manifests of repositories, by tag and by digest. */
export class Manifests {
  readonly #ledger: ManifestLedger;
  readonly #links: BlobLinks;
  readonly #presence: BlobPresence;
  readonly #rules: ManifestRules;
  readonly #thread: ManifestThread;

  constructor(
    ledger: ManifestLedger,
    links: BlobLinks,
    presence: BlobPresence,
    rules: ManifestRules,
    thread: ManifestThread,
  ) {
    this.#ledger = ledger;
    this.#links = links;
    this.#presence = presence;
    this.#rules = rules;
    this.#thread = thread;
  }

  /** The stored manifest under a tag or digest of this repository. */
  find(repository: RepositoryName, reference: Reference): Awaitable<StoredManifest | undefined> {
    return this.#ledger.findManifest(repository, reference);
  }

  /** All bytes of a manifest that {@link find} returned. */
  async bytesOf(repository: RepositoryName, manifest: StoredManifest): Promise<Uint8Array> {
    if (manifest.bytes !== undefined) return manifest.bytes;
    const bytes = new Uint8Array(manifest.size);
    let offset = 0;
    for await (const piece of this.read(repository, manifest)) {
      bytes.set(piece, offset);
      offset += piece.byteLength;
    }
    return bytes;
  }

  /** The bytes of a manifest that {@link find} returned, in pieces; fails if it is deleted in the meantime. */
  read(repository: RepositoryName, { digest }: StoredManifest): ByteSource {
    return this.#ledger.readManifest(repository, digest);
  }

  /** At most `limit` entries of a stored index after `after`, in ascending order; none if it is not an index. */
  entriesAfter(
    repository: RepositoryName,
    index: StoredManifest,
    after: Digest | undefined,
    limit: number,
  ): Promise<IndexEntries> {
    return this.#thread.entriesAfter(this.#readable(repository, index), after, limit);
  }

  /** The first manifest for a platform in a stored index or list. */
  childFor(
    repository: RepositoryName,
    index: StoredManifest,
    platform: Pick<Platform, "os" | "architecture">,
  ): Promise<Digest | undefined> {
    return this.#thread.childFor(this.#readable(repository, index), platform);
  }

  /**
   * Stores a manifest unchanged and sets `tags` (distribution-spec end-7). `claimed` is the digest in the client's
   * request, if any. `condition` must hold for each tag, or for the digest if there are no tags.
   *
   * @throws {RegistryError} `manifest-invalid`, `digest-mismatch`, `size-mismatch`, `precondition-failed`
   * @throws {RegistryErrors} `manifest-blob-unknown` for each missing reference, or one whose content is lost
   */
  async put(
    repository: RepositoryName,
    bytes: Uint8Array,
    contentType: string | undefined,
    tags: readonly Tag[],
    claimed?: Digest,
    condition?: WriteCondition,
  ): Promise<PushedManifest> {
    const { parsed, digests } = await this.#thread.read({ bytes, contentType, claimed });
    this.#checkAnnotations(parsed);
    const { references } = this.#applyRules(parsed);
    await this.#checkSizes(repository, references);
    await this.#checkContent(repository, references);
    const manifest = { ...parsed, references, bytes, digest: digests[0], digests };
    const missing = await this.#ledger.putManifest(repository, manifest, tags, condition);
    if (missing.length > 0) {
      throw new RegistryErrors(missing.slice(0, MAX_ERRORS).map(({ digest }) => blobUnknown(digest)));
    }
    return { digest: digests[0], subject: parsed.subject };
  }

  /**
   * Removes a tag, or a manifest with every tag that points at it (distribution-spec end-9).
   *
   * @throws {RegistryError} `manifest-unknown`, `precondition-failed`
   */
  async delete(repository: RepositoryName, reference: Reference, condition?: WriteCondition): Promise<void> {
    const removed = isDigestReference(reference)
      ? await this.#ledger.deleteManifest(repository, reference, condition)
      : await this.#ledger.deleteTag(repository, reference, condition);
    if (!removed) throw manifestUnknown(repository, reference);
  }

  #readable(repository: RepositoryName, index: StoredManifest): ReadableIndex {
    return { digest: index.digest, size: index.size, load: () => this.bytesOf(repository, index) };
  }

  #applyRules(manifest: ParsedManifest): ParsedManifest {
    if (!this.#rules.sparseManifests) return manifest;
    const references = manifest.references.map((content) => ({ ...content, optional: true }));
    return { ...manifest, references };
  }

  /** Many clients read only the first page of a list of referrers, so an entry must not take up much of it. */
  #checkAnnotations({ subject, annotations }: ParsedManifest): void {
    if (subject === undefined || annotations === undefined) return;
    const limit = this.#rules.referrerAnnotationBytes;
    const bytes = Buffer.byteLength(JSON.stringify(annotations));
    if (bytes <= limit) return;
    throw new RegistryError(
      "manifest-invalid",
      `the annotations of a manifest with a subject may have at most ${limit} bytes`,
      { detail: { bytes, limit } },
    );
  }

  /** Clients allocate memory by a descriptor's size, so it must be the size of the stored content. */
  async #checkSizes(repository: RepositoryName, references: readonly ReferencedContent[]): Promise<void> {
    const slices = new WorkSlices();
    for (const reference of references) {
      if (reference.kind === "manifest" && this.#rules.looseListSizes) continue;
      const stored = await this.#storedSize(repository, reference);
      const { digest, size } = reference;
      if (stored !== undefined && stored !== size) {
        throw new RegistryError("size-mismatch", "a descriptor's size differs from the size of its content", {
          detail: { digest, size, stored },
        });
      }
      await slices.pause();
    }
  }

  /** A link does not prove that the disk still has the blob. */
  async #checkContent(repository: RepositoryName, references: readonly ReferencedContent[]): Promise<void> {
    const required = references.filter(({ kind, optional }) => kind !== "manifest" && !optional);
    const slices = new WorkSlices();
    const lost: Digest[] = [];
    const check = async ({ digest }: ReferencedContent): Promise<void> => {
      const blob = await this.#links.findLinkedBlob(repository, digest);
      if (blob !== undefined && !(await this.#presence.holds(blob))) lost.push(digest);
    };
    for (let next = 0; next < required.length; next += CHECKS_AT_ONCE) {
      await Promise.all(required.slice(next, next + CHECKS_AT_ONCE).map(check));
      await slices.pause();
    }
    if (lost.length > 0) throw new RegistryErrors(lost.slice(0, MAX_ERRORS).map(blobUnknown));
  }

  async #storedSize(
    repository: RepositoryName,
    { kind, digest }: ReferencedContent,
  ): Promise<number | undefined> {
    return kind === "manifest"
      ? (await this.#ledger.findManifest(repository, digest))?.size
      : (await this.#links.findLinkedBlob(repository, digest))?.size;
  }
}

function blobUnknown(digest: Digest): RegistryError {
  return new RegistryError("manifest-blob-unknown", "blob unknown to registry", { detail: { digest } });
}

/** The error for a reference that names no manifest of the repository. */
export function manifestUnknown(repository: RepositoryName, reference: Reference): RegistryError {
  return new RegistryError("manifest-unknown", "manifest unknown", {
    detail: { name: repository, reference },
  });
}
