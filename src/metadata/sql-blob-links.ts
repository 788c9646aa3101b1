import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { BlobLinks, NewLink } from "./ports/blob-ledger.ts";
import type { PageRequest } from "./ports/page-request.ts";
import type { SqlEngine, SqlSession } from "./sql-engine.ts";
import { claimRepository, lockRepository } from "./sql-repositories.ts";
import { recordUnlink } from "./sql-unlink-log.ts";

/** Blob links in SQL: one row for each digest by which a repository knows a blob. */
export class SqlBlobLinks implements BlobLinks {
  readonly #engine: SqlEngine;

  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  findLinkedBlob(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined> {
    return findLink(this.#engine, repository, digest);
  }

  async linkBlob(
    repository: RepositoryName,
    blob: BlobDescriptor,
    digests: readonly Digest[],
  ): Promise<void> {
    await this.#engine.transaction((session) => recordLinks(session, repository, blob, digests), {
      durable: true,
    });
  }

  async linkBlobs(repository: RepositoryName, links: readonly NewLink[]): Promise<void> {
    const record = async (session: SqlSession) => {
      for (const { blob, digests } of links) await recordLinks(session, repository, blob, digests);
    };
    await this.#engine.transaction(record, { durable: true });
  }

  async unlinkBlob(repository: RepositoryName, digest: Digest): Promise<boolean> {
    return this.#engine.transaction(
      async (session) => {
        if (!(await lockRepository(session, repository))) return false;
        const removed = await session.query<{ digest: Digest; blob_id: number }>(
          `DELETE FROM blob_links
           WHERE repository = $1
             AND blob_id = (SELECT blob_id FROM blob_links WHERE repository = $1 AND digest = $2)
           RETURNING digest, blob_id`,
          [repository, digest],
        );
        const [first] = removed;
        if (first === undefined) return false;
        const [blob] = await session.query<{ digest: Digest }>("SELECT digest FROM blobs WHERE id = $1", [
          first.blob_id,
        ]);
        await recordUnlink(session, repository, blob?.digest ?? first.digest);
        return true;
      },
      { durable: true, usesReserve: true },
    );
  }

  async listRepositoriesLinking(
    digest: Digest,
    page: PageRequest<RepositoryName>,
  ): Promise<readonly RepositoryName[]> {
    const rows = await this.#engine.query<{ repository: RepositoryName }>(
      `SELECT repository FROM blob_links
       WHERE digest = $1 AND repository > $2
       ORDER BY repository LIMIT $3`,
      [digest, page.after ?? "", page.limit],
    );
    return rows.map((row) => row.repository);
  }
}

/** The blob that a repository links under a digest. */
export async function findLink(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
): Promise<BlobDescriptor | undefined> {
  const [row] = await session.query<BlobDescriptor>(
    `SELECT blobs.digest, blobs.size
     FROM blob_links JOIN blobs ON blobs.id = blob_links.blob_id
     WHERE blob_links.repository = $1 AND blob_links.digest = $2`,
    [repository, digest],
  );
  return row;
}

/** Records a blob and a repository's links to it as part of a transaction, which must be durable. */
export async function recordLinks(
  session: SqlSession,
  repository: RepositoryName,
  blob: BlobDescriptor,
  digests: readonly Digest[],
): Promise<void> {
  await claimRepository(session, repository);
  const [stored] = await session.query<{ id: number }>(
    `INSERT INTO blobs (digest, size, created_at) VALUES ($1, $2, $3)
     ON CONFLICT (digest) DO UPDATE SET size = excluded.size
     RETURNING id`,
    [blob.digest, blob.size, Date.now()],
  );
  if (!stored) throw new Error("recording a blob returned no row");
  for (const digest of digests) {
    await session.query(
      `INSERT INTO blob_links (repository, digest, blob_id) VALUES ($1, $2, $3)
       ON CONFLICT (repository, digest) DO NOTHING`,
      [repository, digest, stored.id],
    );
  }
}
