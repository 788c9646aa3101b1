import { type BlobFile, MIB, REPOSITORY } from "../content.ts";
import { peakMemoryBytes, resetPeakMemory } from "../process-usage.ts";
import { pushBlob } from "../registry-client.ts";
import type { Samples } from "../samples.ts";
import type { BenchServer } from "../servers/bench-server.ts";

/** A server's peak resident memory, in MiB, while many large blobs were uploaded at once. */
export const UPLOAD_MEMORY = "peak memory during concurrent uploads, MiB";

/** How many of these uploads were refused at first, because there was no memory for them. Each was tried again. */
export const REFUSED_UPLOADS = "uploads refused at first";

/** Uploads the blob in `uploads` sessions at once, each to a separate repository. */
export async function measureUploadMemory(
  server: BenchServer,
  blob: BlobFile,
  uploads: number,
  samples: Samples,
): Promise<void> {
  const refused = new Set<number>();
  resetPeakMemory(server.processes());
  await Promise.all(
    Array.from({ length: uploads }, (_, index) =>
      pushBlob(server.origin, `${REPOSITORY}-${index}`, blob.digest, blob.path, () => refused.add(index)),
    ),
  );
  samples.add(UPLOAD_MEMORY, server.name, peakMemoryBytes(server.processes()) / MIB);
  samples.add(REFUSED_UPLOADS, server.name, refused.size);
}
