import type { ManifestLedger, StoredManifest } from "../metadata/metadata-store.ts";
import type { ByteSource } from "../oci/byte-source.ts";
import { algorithmOf, CANONICAL_ALGORITHM, type Digest, digestOf } from "../oci/digest.ts";
import {
  MAX_MANIFEST_BYTES,
  type ParsedManifest,
  parseManifest,
  type ReferencedContent,
  readManifest,
} from "../oci/manifest.ts";
import { isDigestReference, type Reference, type Tag } from "../oci/reference.ts";
import { RegistryError, RegistryErrors } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { BlobStatter } from "./blob-statter.ts";
import type { ImageBuilder } from "./image-builder.ts";

/** What a push of a manifest made. */
export interface PushedManifest {
  /** In the algorithm that the client named it by, else the canonical one. */
  readonly digest: Digest;
  readonly subject: Digest | undefined;
}

/** What may differ from registry to registry. */
export interface ManifestRules {
  /** Takes an index although the repository lacks some of its manifests. */
  readonly sparseIndexes: boolean;
}

/** Manifests of repositories, by tag and by digest. */
export class Manifests {
  readonly #ledger: ManifestLedger;
  readonly #statter: BlobStatter;
  readonly #builder: ImageBuilder | undefined;
  readonly #rules: ManifestRules;

  constructor(
    ledger: ManifestLedger,
    statter: BlobStatter,
    builder: ImageBuilder | undefined,
    rules: ManifestRules,
  ) {
    this.#ledger = ledger;
    this.#statter = statter;
    this.#builder = builder;
    this.#rules = rules;
  }

  /** Whether {@link get} may have to build the image first, which takes long. */
  mayBuild(repository: RepositoryName, reference: Reference): boolean {
    return this.#builder?.claims(repository, reference) ?? false;
  }

  /**
   * The manifest, built first when nobody pushed it and the name says how.
   *
   * @throws {RegistryError} `manifest-unknown`, or what {@link ImageBuilder.ensure} throws
   */
  async get(repository: RepositoryName, reference: Reference, signal?: AbortSignal): Promise<StoredManifest> {
    if (this.#builder?.claims(repository, reference))
      await this.#builder.ensure(repository, reference, signal);
    const manifest = await this.#ledger.findManifest(repository, reference);
    if (manifest === undefined) throw unknown(repository, reference);
    return manifest;
  }

  /**
   * Stores a manifest as it came and points `tags` at it, the reference too when it is one (distribution-spec end-7).
   *
   * @throws {RegistryError} `manifest-too-large`, `manifest-invalid`, `digest-mismatch`, `size-mismatch`
   * @throws {RegistryErrors} `manifest-blob-unknown` for each reference that is missing
   */
  async put(
    repository: RepositoryName,
    reference: Reference,
    contentType: string | undefined,
    source: ByteSource,
    tags: readonly Tag[] = [],
  ): Promise<PushedManifest> {
    const bytes = await readManifest(source, MAX_MANIFEST_BYTES);
    const digests = digestsFor(reference, bytes);
    const parsed = this.#applyRules(parseManifest(bytes, contentType));
    await this.#checkSizes(repository, parsed.references);
    const pushedTags = isDigestReference(reference) ? tags : [reference, ...tags];
    const missing = await this.#ledger.putManifest(
      repository,
      { ...parsed, bytes, digest: digests[0], digests },
      pushedTags,
    );
    if (missing.length > 0) {
      throw new RegistryErrors(
        missing.map(
          ({ digest }) =>
            new RegistryError("manifest-blob-unknown", "blob unknown to registry", { detail: { digest } }),
        ),
      );
    }
    return { digest: digests[0], subject: parsed.subject };
  }

  /**
   * Removes a tag, or a manifest with every tag that points at it (distribution-spec end-9).
   *
   * @throws {RegistryError} `manifest-unknown`
   */
  async delete(repository: RepositoryName, reference: Reference): Promise<void> {
    const removed = isDigestReference(reference)
      ? await this.#ledger.deleteManifest(repository, reference)
      : await this.#ledger.deleteTag(repository, reference);
    if (!removed) throw unknown(repository, reference);
  }

  #applyRules(manifest: ParsedManifest): ParsedManifest {
    if (!this.#rules.sparseIndexes) return manifest;
    const references = manifest.references.map((content) =>
      content.kind === "manifest" ? { ...content, optional: true } : content,
    );
    return { ...manifest, references };
  }

  /** A descriptor's size is a promise to clients, who allocate by it: it must be the size of what is stored. */
  async #checkSizes(repository: RepositoryName, references: readonly ReferencedContent[]): Promise<void> {
    for (const { kind, digest, size } of references) {
      const stored =
        kind === "manifest"
          ? await this.#childSize(repository, digest)
          : (await this.#statter.stat(repository, digest))?.size;
      if (stored !== undefined && stored !== size) {
        throw new RegistryError("size-mismatch", "a descriptor's size is not the size of its content", {
          detail: { digest, size, stored },
        });
      }
    }
  }

  async #childSize(repository: RepositoryName, digest: Digest): Promise<number | undefined> {
    return (await this.#ledger.findManifest(repository, digest))?.bytes.byteLength;
  }
}

/** The digest the client knows the manifest by, first, and its canonical one. */
function digestsFor(reference: Reference, bytes: Uint8Array): readonly [Digest, ...Digest[]] {
  const canonical = digestOf(bytes);
  if (!isDigestReference(reference)) return [canonical];
  const algorithm = algorithmOf(reference);
  const actual = algorithm === CANONICAL_ALGORITHM ? canonical : digestOf(bytes, algorithm);
  if (actual !== reference) {
    throw new RegistryError("digest-mismatch", "provided digest did not match uploaded content", {
      detail: { digest: reference, actual },
    });
  }
  return actual === canonical ? [canonical] : [actual, canonical];
}

function unknown(repository: RepositoryName, reference: Reference): RegistryError {
  return new RegistryError("manifest-unknown", "manifest unknown", {
    detail: { name: repository, reference },
  });
}
