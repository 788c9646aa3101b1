import { createContentHash, type DigestAlgorithm } from "../bytes/content-hash.ts";
import { RegistryError } from "./registry-error.ts";

/** A checked digest such as `sha256:9f86d0…`: a registered algorithm and the right number of hex digits. */
export type Digest = string & { readonly brand: "Digest" };

/** The algorithm that names content in the store, whichever digest a client uses. */
export const CANONICAL_ALGORITHM = "sha256" satisfies DigestAlgorithm;

const ENCODED_LENGTH: Readonly<Record<DigestAlgorithm, number>> = {
  sha256: 64,
  sha512: 128,
  blake3: 64,
};
const GRAMMAR = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/;
const LOWER_HEX = /^[0-9a-f]+$/;

/** The digest of no bytes. */
export const EMPTY_DIGEST =
  "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" as Digest;

/** Whether `text` names an algorithm the registry can verify. */
export function isDigestAlgorithm(text: string): text is DigestAlgorithm {
  return Object.hasOwn(ENCODED_LENGTH, text);
}

/**
 * Parses a digest.
 *
 * @throws {RegistryError} `digest-invalid` if the grammar or the length is wrong, `digest-unsupported` if the
 * algorithm is not registered (distribution-spec: 400 for either)
 */
export function parseDigest(text: string): Digest {
  const colon = text.indexOf(":");
  const algorithm = text.slice(0, colon);
  const encoded = text.slice(colon + 1);
  if (isDigestAlgorithm(algorithm)) {
    if (encoded.length === ENCODED_LENGTH[algorithm] && LOWER_HEX.test(encoded)) return text as Digest;
    throw new RegistryError(
      "digest-invalid",
      `a ${algorithm} digest has ${ENCODED_LENGTH[algorithm]} lower-case hex digits`,
    );
  }
  if (text.length > 512 || !GRAMMAR.test(text)) {
    throw new RegistryError("digest-invalid", "a digest must have the form ALGORITHM:ENCODED");
  }
  throw new RegistryError("digest-unsupported", `digest algorithm ${algorithm} is not supported`, {
    detail: { supported: Object.keys(ENCODED_LENGTH) },
  });
}

/** Whether {@link parseDigest} accepts `text`. */
export function isDigest(text: string): text is Digest {
  const colon = text.indexOf(":");
  const algorithm = text.slice(0, colon);
  return (
    isDigestAlgorithm(algorithm) &&
    text.length - colon - 1 === ENCODED_LENGTH[algorithm] &&
    LOWER_HEX.test(text.slice(colon + 1))
  );
}

/** The part before the colon. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(":")) as DigestAlgorithm;
}

/** The part after the colon. */
export function encodedOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** Computes the digest of bytes in memory. */
export function digestOf(
  bytes: Uint8Array | string,
  algorithm: DigestAlgorithm = CANONICAL_ALGORITHM,
): Digest {
  const hash = createContentHash(algorithm);
  hash.update(bytes);
  return `${algorithm}:${hash.hex()}` as Digest;
}
