import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { PageRequest } from "./metadata-store.ts";
import type { SqlEngine } from "./sql-engine.ts";
import { wasPushed } from "./sql-repositories.ts";

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
