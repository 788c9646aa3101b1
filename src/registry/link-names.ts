import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Digest } from "../oci/digest.ts";

/** The digests a blob is linked under: the one the client knows it by, and its canonical one, so that either finds it. */
export function linkNames(blob: BlobDescriptor, claimed: Digest): readonly Digest[] {
  return claimed === blob.digest ? [blob.digest] : [blob.digest, claimed];
}
