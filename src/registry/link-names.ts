import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Digest } from "../oci/digest.ts";

/** The digests under which a blob is linked: the client's and the canonical one, so that both find it. */
export function linkNames(blob: BlobDescriptor, claimed: Digest): readonly Digest[] {
  return claimed === blob.digest ? [blob.digest] : [blob.digest, claimed];
}
