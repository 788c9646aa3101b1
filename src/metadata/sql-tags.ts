import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { requireCondition, type WriteCondition } from "../oci/write-condition.ts";
import type { PageRequest } from "./ports/page-request.ts";
import { findCurrent } from "./sql-conditions.ts";
import type { SqlEngine, SqlSession } from "./sql-engine.ts";
import { lockRepository, wasPushed } from "./sql-repositories.ts";

/**
 * Points a tag at the manifest `digest` if the tag still points at `replaces`, or does not exist if `replaces` is
 * absent. Otherwise, or without such a manifest, false. Lock the repository first.
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

/** Removes a tag and keeps its manifest; false if there is none. */
export async function deleteTag(
  engine: SqlEngine,
  repository: RepositoryName,
  tag: Tag,
  condition?: WriteCondition,
): Promise<boolean> {
  return engine.transaction(
    async (session) => {
      if (!(await lockRepository(session, repository))) return false;
      if (condition !== undefined) {
        const current = await findCurrent(session, repository, tag);
        if (current === undefined) return false;
        requireCondition(condition, tag, current);
      }
      const removed = await session.query(
        "DELETE FROM tags WHERE repository = $1 AND name = $2 RETURNING name",
        [repository, tag],
      );
      return removed.length > 0;
    },
    { durable: true },
  );
}

/** A page of tags; `undefined` if no manifest was ever pushed to the repository. */
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
