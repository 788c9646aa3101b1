import type { RepositoryName } from "../oci/repository-name.ts";
import type { SqlSession } from "./sql-engine.ts";

/**
 * Creates the repository if needed, and locks out every other writer of it until the transaction ends.
 *
 * The update changes nothing; it locks the row on PostgreSQL. Call this before any statement whose result decides
 * what the transaction does.
 */
export async function claimRepository(session: SqlSession, repository: RepositoryName): Promise<void> {
  await session.query(
    `INSERT INTO repositories (name) VALUES ($1)
     ON CONFLICT (name) DO UPDATE SET manifest_count = repositories.manifest_count`,
    [repository],
  );
}

/** Like {@link claimRepository}, but does not create the repository; false if it does not exist. */
export async function lockRepository(session: SqlSession, repository: RepositoryName): Promise<boolean> {
  const locked = await session.query(
    "UPDATE repositories SET manifest_count = manifest_count WHERE name = $1 RETURNING name",
    [repository],
  );
  return locked.length > 0;
}

/** Adds `difference` to the number of manifests of a repository that is already locked. */
export async function countManifests(
  session: SqlSession,
  repository: RepositoryName,
  difference: 1 | -1,
): Promise<void> {
  await session.query(
    "UPDATE repositories SET manifest_count = manifest_count + $2, pushed = 1 WHERE name = $1",
    [repository, difference],
  );
}
