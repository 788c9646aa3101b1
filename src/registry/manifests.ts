import type { BlobLinks, ManifestLedger, StoredManifest } from "../metadata/metadata-store.ts";
import type { Awaitable } from "../oci/awaitable.ts";
import { algorithmOf, CANONICAL_ALGORITHM, type Digest, digestOf } from "../oci/digest.ts";
import { type ParsedManifest, parseManifest, type ReferencedContent } from "../oci/manifest.ts";
import { isDigestReference, type Reference, type Tag } from "../oci/reference.ts";
import { RegistryError, RegistryErrors } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** What a push of a manifest made. */
export interface PushedManifest {
  /** In the algorithm that the client named it by, else the canonical one. */
  readonly digest: Digest;
  readonly subject: Digest | undefined;
}

/** What may differ from registry to registry. */
export interface ManifestRules {
  /** Takes a manifest although the repository lacks some of what it names (distribution-spec, "Sparse Manifests"). */
  readonly sparseManifests: boolean;
}

/** Missing references told of; a manifest may name tens of thousands. */
const MAX_ERRORS = 100;

/** Manifests of repositories, by tag and by digest. */
export class Manifests {
  readonly #ledger: ManifestLedger;
  readonly #links: BlobLinks;
  readonly #rules: ManifestRules;

  constructor(ledger: ManifestLedger, links: BlobLinks, rules: ManifestRules) {
    this.#ledger = ledger;
    this.#links = links;
    this.#rules = rules;
  }

  /** The manifest that nobody need build: a tag or a digest of this repository. */
  find(repository: RepositoryName, reference: Reference): Awaitable<StoredManifest | undefined> {
    return this.#ledger.findManifest(repository, reference);
  }

  /**
   * Stores a manifest as it came and gives it `tags` (distribution-spec end-7). `claimed` is the digest the client
   * names it by, if it does.
   *
   * @throws {RegistryError} `manifest-invalid`, `digest-mismatch`, `size-mismatch`
   * @throws {RegistryErrors} `manifest-blob-unknown` for each reference that is missing
   */
  async put(
    repository: RepositoryName,
    bytes: Uint8Array,
    contentType: string | undefined,
    tags: readonly Tag[],
    claimed?: Digest,
  ): Promise<PushedManifest> {
    const digests = digestsFor(bytes, claimed);
    const parsed = this.#applyRules(parseManifest(bytes, contentType));
    await this.#checkSizes(repository, parsed.references);
    const references = distinct(parsed.references);
    const manifest = { ...parsed, references, bytes, digest: digests[0], digests };
    const missing = await this.#ledger.putManifest(repository, manifest, tags);
    if (missing.length > 0) {
      throw new RegistryErrors(missing.slice(0, MAX_ERRORS).map(({ digest }) => blobUnknown(digest)));
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
    if (!removed) throw manifestUnknown(repository, reference);
  }

  #applyRules(manifest: ParsedManifest): ParsedManifest {
    if (!this.#rules.sparseManifests) return manifest;
    const references = manifest.references.map((content) => ({ ...content, optional: true }));
    return { ...manifest, references };
  }

  /** A descriptor's size is a promise to clients, who allocate by it: it must be the size of what is stored. */
  async #checkSizes(repository: RepositoryName, references: readonly ReferencedContent[]): Promise<void> {
    const sizes = new Map<string, number | undefined>();
    for (const reference of references) {
      const key = keyOf(reference);
      if (!sizes.has(key)) sizes.set(key, await this.#storedSize(repository, reference));
      const { digest, size } = reference;
      const stored = sizes.get(key);
      if (stored !== undefined && stored !== size) {
        throw new RegistryError("size-mismatch", "a descriptor's size is not the size of its content", {
          detail: { digest, size, stored },
        });
      }
    }
  }

  async #storedSize(
    repository: RepositoryName,
    { kind, digest }: ReferencedContent,
  ): Promise<number | undefined> {
    return kind === "manifest"
      ? (await this.#ledger.findManifest(repository, digest))?.bytes.byteLength
      : (await this.#links.findLinkedBlob(repository, digest))?.size;
  }
}

/** The references without those that are named again, which artifacts of thousands of equal parts do. */
function distinct(references: readonly ReferencedContent[]): readonly ReferencedContent[] {
  const byKey = new Map<string, ReferencedContent>();
  for (const reference of references) {
    const known = byKey.get(keyOf(reference));
    // What one place requires is required.
    if (known === undefined || (known.optional && !reference.optional))
      byKey.set(keyOf(reference), reference);
  }
  return [...byKey.values()];
}

function keyOf({ kind, digest }: ReferencedContent): string {
  return `${kind} ${digest}`;
}

/** The digest the client knows the manifest by, first, and its canonical one. */
function digestsFor(bytes: Uint8Array, claimed: Digest | undefined): readonly [Digest, ...Digest[]] {
  const canonical = digestOf(bytes);
  if (claimed === undefined || claimed === canonical) return [canonical];
  const algorithm = algorithmOf(claimed);
  const actual = algorithm === CANONICAL_ALGORITHM ? canonical : digestOf(bytes, algorithm);
  if (actual === claimed) return [actual, canonical];
  throw new RegistryError("digest-mismatch", "provided digest did not match uploaded content", {
    detail: { digest: claimed, actual },
  });
}

function blobUnknown(digest: Digest): RegistryError {
  return new RegistryError("manifest-blob-unknown", "blob unknown to registry", { detail: { digest } });
}

/** The failure of a reference that names no manifest of the repository. */
export function manifestUnknown(repository: RepositoryName, reference: Reference): RegistryError {
  return new RegistryError("manifest-unknown", "manifest unknown", {
    detail: { name: repository, reference },
  });
}
