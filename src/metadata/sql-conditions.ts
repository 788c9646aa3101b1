import type { Digest } from "../oci/digest.ts";
import { isDigestReference, type Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { type CurrentContent, requireCondition, type WriteCondition } from "../oci/write-condition.ts";
import type { SqlSession } from "./sql-engine.ts";

interface NameRow {
  readonly digest: Digest;
  readonly name: Digest;
}

const BY_TAG = `SELECT tags.digest, names.digest AS name
  FROM tags JOIN manifest_digests AS names ON names.manifest_id = tags.manifest_id
  WHERE tags.repository = $1 AND tags.name = $2`;

const BY_DIGEST = `SELECT known.digest, names.digest AS name
  FROM manifest_digests AS known JOIN manifest_digests AS names ON names.manifest_id = known.manifest_id
  WHERE known.repository = $1 AND known.digest = $2`;

/**
 * Checks the condition of a write for each of `references`. Lock the repository first.
 *
 * @throws {RegistryError} `precondition-failed`
 */
export async function requireConditionOf(
  session: SqlSession,
  repository: RepositoryName,
  references: readonly Reference[],
  condition: WriteCondition | undefined,
): Promise<void> {
  if (condition === undefined) return;
  for (const reference of references) {
    requireCondition(condition, reference, await findCurrent(session, repository, reference));
  }
}

/**
 * Checks the condition of a removal of `reference`. False if there is a condition but nothing to remove: then the
 * condition does not matter. Lock the repository first.
 *
 * @throws {RegistryError} `precondition-failed`
 */
export async function mayRemove(
  session: SqlSession,
  repository: RepositoryName,
  reference: Reference,
  condition: WriteCondition | undefined,
): Promise<boolean> {
  if (condition === undefined) return true;
  const current = await findCurrent(session, repository, reference);
  if (current === undefined) return false;
  requireCondition(condition, reference, current);
  return true;
}

/** The content of a reference; `undefined` if it does not exist. */
async function findCurrent(
  session: SqlSession,
  repository: RepositoryName,
  reference: Reference,
): Promise<CurrentContent | undefined> {
  const rows = await session.query<NameRow>(isDigestReference(reference) ? BY_DIGEST : BY_TAG, [
    repository,
    reference,
  ]);
  const [first] = rows;
  return first && { digest: first.digest, names: rows.map(({ name }) => name) };
}
