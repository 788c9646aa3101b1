import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { SqlSession } from "./sql-engine.ts";

/** Points a tag at a manifest, wherever it pointed before. Lock the repository first. */
export async function writeTag(
  session: SqlSession,
  repository: RepositoryName,
  tag: Tag,
  manifestId: number,
  digest: Digest,
): Promise<void> {
  await session.query(
    `INSERT INTO tags (repository, name, manifest_id, digest, updated_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (repository, name) DO UPDATE SET
       manifest_id = excluded.manifest_id, digest = excluded.digest, updated_at = excluded.updated_at`,
    [repository, tag, manifestId, digest, Date.now()],
  );
}

/**
 * Points a tag at the manifest `digest` if the tag still points at `replaces`, or does not exist if `replaces` is
 * absent. Returns false otherwise, or if there is no such manifest. Lock the repository first.
 */
export async function moveTag(
  session: SqlSession,
  repository: RepositoryName,
  tag: Tag,
  digest: Digest,
  replaces: Digest | undefined,
): Promise<boolean> {
  const [manifest] = await session.query<{ manifest_id: number }>(
    "SELECT manifest_id FROM manifest_digests WHERE repository = $1 AND digest = $2",
    [repository, digest],
  );
  if (manifest === undefined) return false;
  const row = [repository, tag, manifest.manifest_id, digest, Date.now()];
  const written =
    replaces === undefined
      ? await session.query(
          `INSERT INTO tags (repository, name, manifest_id, digest, updated_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (repository, name) DO NOTHING RETURNING name`,
          row,
        )
      : await session.query(
          `UPDATE tags SET manifest_id = $3, digest = $4, updated_at = $5
           WHERE repository = $1 AND name = $2 AND digest = $6 RETURNING name`,
          [...row, replaces],
        );
  return written.length > 0;
}

/** Removes a tag and keeps its manifest; false if there is none. Lock the repository first. */
export async function removeTag(session: SqlSession, repository: RepositoryName, tag: Tag): Promise<boolean> {
  const removed = await session.query("DELETE FROM tags WHERE repository = $1 AND name = $2 RETURNING name", [
    repository,
    tag,
  ]);
  return removed.length > 0;
}
