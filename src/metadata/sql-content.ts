import type { UploadId } from "../content/content-driver.ts";
import type { Digest } from "../oci/digest.ts";
import type { ContentLedger } from "./ports/blob-ledger.ts";
import type { SqlEngine } from "./sql-engine.ts";
import { chunksOf, inList } from "./statement-chunks.ts";

/** What the tables of blobs and uploads know of content. */
export function sqlContent(engine: SqlEngine): ContentLedger {
  return {
    findBlobs: (digests) => findBlobs(engine, digests),
    findUploads: (ids) => findUploads(engine, ids),
    countUploads: (startedBefore) => countUploads(engine, startedBefore),
  };
}

async function findBlobs(engine: SqlEngine, digests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>();
  for (const chunk of chunksOf(digests)) {
    const rows = await engine.query<{ digest: Digest }>(
      `SELECT digest FROM blobs WHERE digest IN ${inList(1)}`,
      chunk,
    );
    for (const { digest } of rows) found.add(digest);
  }
  return found;
}

async function findUploads(engine: SqlEngine, ids: readonly UploadId[]): Promise<ReadonlySet<UploadId>> {
  const found = new Set<UploadId>();
  for (const chunk of chunksOf(ids)) {
    const rows = await engine.query<{ id: UploadId }>(
      `SELECT id FROM uploads WHERE id IN ${inList(1)}`,
      chunk,
    );
    for (const { id } of rows) found.add(id);
  }
  return found;
}

async function countUploads(engine: SqlEngine, startedBefore: Date): Promise<number> {
  const [row] = await engine.query<{ sessions: number }>(
    "SELECT COUNT(*) AS sessions FROM uploads WHERE started_at < $1",
    [startedBefore.getTime()],
  );
  return Number(row?.sessions ?? 0);
}
