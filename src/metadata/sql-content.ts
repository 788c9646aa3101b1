import type { UploadId } from "../content/content-driver.ts";
import type { Digest } from "../oci/digest.ts";
import type { ContentLedger } from "./ports/blob-ledger.ts";
import type { SqlSession } from "./sql-engine.ts";
import { chunksOf, inList } from "./statement-chunks.ts";

const BLOBS = `SELECT digest AS key FROM blobs WHERE digest IN ${inList(1)}`;
const UPLOADS = `SELECT id AS key FROM uploads WHERE id IN ${inList(1)}`;

/** The content that is known in the tables of blobs, links and uploads. */
export class SqlContent implements ContentLedger {
  readonly #session: SqlSession;

  constructor(session: SqlSession) {
    this.#session = session;
  }

  async linksBlobs(): Promise<boolean> {
    return (await this.#session.query("SELECT 1 AS found FROM blob_links LIMIT 1")).length > 0;
  }

  findBlobs(digests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    return this.#findKeys(BLOBS, digests);
  }

  findUploads(ids: readonly UploadId[]): Promise<ReadonlySet<UploadId>> {
    return this.#findKeys(UPLOADS, ids);
  }

  async countUploads(startedBefore: Date): Promise<number> {
    const [row] = await this.#session.query<{ sessions: number }>(
      "SELECT COUNT(*) AS sessions FROM uploads WHERE started_at < $1",
      [startedBefore.getTime()],
    );
    return Number(row?.sessions ?? 0);
  }

  /** Those of the `keys` that `sql` finds. */
  async #findKeys<Key extends string>(sql: string, keys: readonly Key[]): Promise<ReadonlySet<Key>> {
    const found = new Set<Key>();
    for (const chunk of chunksOf(keys)) {
      const rows = await this.#session.query<{ key: Key }>(sql, chunk);
      for (const { key } of rows) found.add(key);
    }
    return found;
  }
}
