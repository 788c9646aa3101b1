import { algorithmOf, CANONICAL_ALGORITHM, type Digest, digestOf } from "../oci/digest.ts";
import { type ParsedManifest, parseManifest, type ReferencedContent } from "../oci/manifest.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** A manifest as a client pushes it. */
export interface ManifestPush {
  readonly bytes: Uint8Array;
  readonly contentType: string | undefined;
  /** The digest in the client's request, if any. */
  readonly claimed: Digest | undefined;
}

/** A parsed manifest, and its digests. */
export interface ReadManifest {
  /** Each reference once; artifacts can repeat the same part thousands of times. */
  readonly parsed: ParsedManifest;
  /** The client's digest first, and the canonical one. */
  readonly digests: readonly [Digest, ...Digest[]];
}

/**
 * Parses and hashes a manifest. Takes about 100 ms for 4 MiB.
 *
 * @throws {RegistryError} `digest-mismatch`, `manifest-invalid`; `size-mismatch` if it states two sizes for the same
 * content
 */
export function readManifest({ bytes, contentType, claimed }: ManifestPush): ReadManifest {
  const digests = digestsFor(bytes, claimed);
  const parsed = parseManifest(bytes, contentType);
  return { parsed: { ...parsed, references: distinct(parsed.references) }, digests };
}

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

function distinct(references: readonly ReferencedContent[]): readonly ReferencedContent[] {
  const byKey = new Map<string, ReferencedContent>();
  for (const reference of references) {
    const { kind, digest, size, optional } = reference;
    const key = `${kind} ${digest}`;
    const known = byKey.get(key);
    if (known !== undefined && known.size !== size) {
      throw new RegistryError("size-mismatch", "two descriptors give different sizes for the same content", {
        detail: { digest, sizes: [known.size, size] },
      });
    }
    // If one occurrence is required, the reference is required.
    if (known === undefined || (known.optional && !optional)) byKey.set(key, reference);
  }
  return [...byKey.values()];
}
