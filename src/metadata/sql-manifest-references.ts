import { WorkSlices } from "../concurrency/work-slices.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ManifestReference } from "./ports/manifest-ledger.ts";
import type { SqlSession } from "./sql-engine.ts";
import { chunksOf, inList, valuesList } from "./statement-chunks.ts";

const HELD_MANIFESTS = `SELECT digest FROM manifest_digests WHERE repository = $1 AND digest IN ${inList(2)}`;
const HELD_BLOBS = `SELECT digest FROM blob_links WHERE repository = $1 AND digest IN ${inList(2)}`;

/** The required references that the repository does not have, in the given order. */
export async function findMissing(
  session: SqlSession,
  repository: RepositoryName,
  references: readonly ManifestReference[],
): Promise<readonly ManifestReference[]> {
  const required = references.filter((reference) => !reference.optional);
  const toManifests = required.filter(({ kind }) => kind === "manifest");
  const toBlobs = required.filter(({ kind }) => kind !== "manifest");
  const manifests = await heldAmong(session, HELD_MANIFESTS, repository, toManifests);
  const blobs = await heldAmong(session, HELD_BLOBS, repository, toBlobs);
  return required.filter(({ kind, digest }) => !(kind === "manifest" ? manifests : blobs).has(digest));
}

/** The digests of those references that the repository has, according to the table that `sql` reads. */
async function heldAmong(
  session: SqlSession,
  sql: string,
  repository: RepositoryName,
  references: readonly ManifestReference[],
): Promise<ReadonlySet<Digest>> {
  const slices = new WorkSlices();
  const held = new Set<Digest>();
  const digests = [...new Set(references.map(({ digest }) => digest))];
  for (const chunk of chunksOf(digests)) {
    const rows = await session.query<{ digest: Digest }>(sql, [repository, ...chunk]);
    for (const row of rows) held.add(row.digest);
    await slices.pause();
  }
  return held;
}

const INSERT_REFERENCES = `INSERT INTO manifest_references (manifest_id, kind, digest)
  VALUES ${valuesList((index) => `$1, $${2 * index + 2}, $${2 * index + 3}`)}
  ON CONFLICT (manifest_id, kind, digest) DO NOTHING`;

/** Records the references of a manifest, and lets other requests run in between. */
export async function writeReferences(
  session: SqlSession,
  id: number,
  references: readonly ManifestReference[],
): Promise<void> {
  const slices = new WorkSlices();
  for (const chunk of chunksOf(references)) {
    await session.query(INSERT_REFERENCES, [id, ...chunk.flatMap(({ kind, digest }) => [kind, digest])]);
    await slices.pause();
  }
}
