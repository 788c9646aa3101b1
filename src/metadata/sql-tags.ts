import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { PageRequest } from "./metadata-store.ts";
import type { SqlEngine, SqlSession } from "./sql-engine.ts";
import { wasPushed } from "./sql-repositories.ts";

/**
 * Points a tag at the manifest `digest` of its repository, already locked, when the tag still points at `replaces`, or
 * without it when there is no such tag; otherwise, and without such a manifest, false.
 *
 * The deciding statement is the one that writes: a tag can be deleted without the repository's lock.
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

/** Removes a tag and leaves its manifest; false when there is none. */
export async function deleteTag(engine: SqlEngine, repository: RepositoryName, tag: Tag): Promise<boolean> {
  const removed = await engine.transaction(
    (session) =>
      session.query("DELETE FROM tags WHERE repository = $1 AND name = $2 RETURNING name", [repository, tag]),
    { durable: true },
  );
  return removed.length > 0;
}

/** A page of tags; `undefined` when no manifest was ever pushed to the repository. */
export async function listTags(
  engine: SqlEngine,
  repository: RepositoryName,
  page: PageRequest,
): Promise<readonly Tag[] | undefined> {
  const rows = await engine.query<{ name: Tag }>(
    "SELECT name FROM tags WHERE repository = $1 AND name > $2 ORDER BY name LIMIT $3",
    [repository, page.after ?? "", page.limit],
  );
  if (rows.length === 0 && !(await wasPushed(engine, repository))) return undefined;
  return rows.map((row) => row.name);
}
