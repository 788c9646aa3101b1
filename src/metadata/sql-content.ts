import type { UploadId } from "../content/content-driver.ts";
import type { Digest } from "../oci/digest.ts";
import type { ContentLedger } from "./ports/blob-ledger.ts";
import type { SqlSession } from "./sql-engine.ts";
import { chunksOf, inList } from "./statement-chunks.ts";

/** Which content the tables of blobs, links and uploads know. */
export class SqlContent implements ContentLedger {
  readonly #session: SqlSession;

  constructor(session: SqlSession) {
    this.#session = session;
  }

  async linksBlobs(): Promise<boolean> {
    return (await this.#session.query("SELECT 1 AS found FROM blob_links LIMIT 1")).length > 0;
  }

  async findBlobs(digests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    const found = new Set<Digest>();
    for (const chunk of chunksOf(digests)) {
      const rows = await this.#session.query<{ digest: Digest }>(
        `SELECT digest FROM blobs WHERE digest IN ${inList(1)}`,
        chunk,
      );
      for (const { digest } of rows) found.add(digest);
    }
    return found;
  }

  async findUploads(ids: readonly UploadId[]): Promise<ReadonlySet<UploadId>> {
    const found = new Set<UploadId>();
    for (const chunk of chunksOf(ids)) {
      const rows = await this.#session.query<{ id: UploadId }>(
        `SELECT id FROM uploads WHERE id IN ${inList(1)}`,
        chunk,
      );
      for (const { id } of rows) found.add(id);
    }
    return found;
  }

  async countUploads(startedBefore: Date): Promise<number> {
    const [row] = await this.#session.query<{ sessions: number }>(
      "SELECT COUNT(*) AS sessions FROM uploads WHERE started_at < $1",
      [startedBefore.getTime()],
    );
    return Number(row?.sessions ?? 0);
  }
}
