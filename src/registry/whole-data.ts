import type { ContentDriver } from "../content/content-driver.ts";
import type { ContentLedger } from "../metadata/ports/blob-ledger.ts";

/** Half of the data is missing: it is lost, or the configuration points elsewhere. */
class PartialDataError extends Error {
  override readonly name = "PartialDataError";
}

const WAY_OUT = "To continue without the lost data, start once with `slipway serve --accept-data-loss`.";

/**
 * Refuses new metadata if the content already has blobs.
 *
 * @throws {PartialDataError}
 */
export async function refuseNewMetadata(content: ContentDriver): Promise<void> {
  if (!(await holdsBlobs(content))) return;
  throw new PartialDataError(
    `the content (${content.name}) holds blobs, but the metadata is new: it was lost, or the configuration points ` +
      `elsewhere. Restore it from a backup, or correct the configuration. ${WAY_OUT}`,
  );
}

/**
 * Refuses empty content if the metadata lists blobs.
 *
 * @throws {PartialDataError}
 */
export async function refuseMissingContent(
  ledger: Pick<ContentLedger, "linksBlobs">,
  content: ContentDriver,
): Promise<void> {
  if (!(await ledger.linksBlobs()) || (await holdsBlobs(content))) return;
  throw new PartialDataError(
    `the metadata lists blobs, but the content (${content.name}) holds none: a file system may not be ` +
      `mounted, or the bucket may be the wrong one. Mount or restore the content, or correct the configuration. ${WAY_OUT}`,
  );
}

async function holdsBlobs(content: ContentDriver): Promise<boolean> {
  for await (const _ of content.list()) return true;
  return false;
}
