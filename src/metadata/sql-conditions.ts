import type { Digest } from "../oci/digest.ts";
import { isDigestReference, type Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { CurrentContent } from "../oci/write-condition.ts";
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
 * The content of a reference; `undefined` if it does not exist.
 *
 * Lock the repository first if a write depends on the result.
 */
export async function findCurrent(
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
