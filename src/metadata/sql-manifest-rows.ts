import { algorithmOf, CANONICAL_ALGORITHM, type Digest, digestOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { type NewManifest, WHOLE_MANIFEST_BYTES } from "./ports/manifest-ledger.ts";
import { writeDescriptor } from "./sql-descriptors.ts";
import type { SqlSession } from "./sql-engine.ts";
import { deleteReferencesOf, deleteTagsOf } from "./sql-manifest-dependents.ts";
import { writeReferences } from "./sql-manifest-references.ts";
import { deletePieces, writePieces } from "./sql-pieces.ts";
import { countManifests } from "./sql-repositories.ts";

/** Stored in place of bytes that are stored in pieces. */
const NO_BYTES = new Uint8Array(0);

/**
 * Stores a manifest, its references and its referrers entry; returns its id. Lock the repository first.
 *
 * @throws {RegistryError} `manifest-invalid` if these bytes are stored with another media type
 */
export async function writeManifest(
  session: SqlSession,
  repository: RepositoryName,
  manifest: NewManifest,
): Promise<number> {
  const canonical =
    manifest.digests.find((digest) => algorithmOf(digest) === CANONICAL_ALGORITHM) ??
    digestOf(manifest.bytes);
  const [known] = await session.query<{ id: number; digest: Digest; media_type: string }>(
    "SELECT id, digest, media_type FROM manifests WHERE repository = $1 AND canonical = $2",
    [repository, canonical],
  );
  if (known && known.media_type !== manifest.mediaType) throw otherType(known.media_type, manifest);
  const id = known?.id ?? (await insertManifest(session, repository, canonical, manifest));
  if (known) await rewriteManifest(session, known.id, manifest);
  else await countManifests(session, repository, 1);
  for (const digest of manifest.digests) {
    await session.query(
      `INSERT INTO manifest_digests (repository, digest, manifest_id) VALUES ($1, $2, $3)
       ON CONFLICT (repository, digest) DO NOTHING`,
      [repository, digest, id],
    );
  }
  await writeReferences(session, id, manifest.references);
  await writeDescriptor(session, id, { ...manifest, digest: known?.digest ?? manifest.digest });
  return id;
}

/** Refuses a new media type: the existing tags and digests of these bytes would change theirs. */
function otherType(stored: string, { digest, mediaType }: NewManifest): RegistryError {
  return new RegistryError("manifest-invalid", `the manifest is already stored as ${stored}`, {
    detail: { digest, stored, pushed: mediaType },
  });
}

async function insertManifest(
  session: SqlSession,
  repository: RepositoryName,
  canonical: Digest,
  manifest: NewManifest,
): Promise<number> {
  const [row] = await session.query<{ id: number }>(
    `INSERT INTO manifests
       (repository, canonical, digest, media_type, size, subject, artifact_type, created_at, bytes)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     RETURNING id`,
    [
      repository,
      canonical,
      manifest.digest,
      manifest.mediaType,
      manifest.bytes.byteLength,
      manifest.subject ?? null,
      manifest.artifactType ?? null,
      await createdAt(session, repository, manifest.subject),
      isLarge(manifest) ? NO_BYTES : manifest.bytes,
    ],
  );
  if (!row) throw new Error("recording a manifest returned no row");
  if (isLarge(manifest)) await writePieces(session, row.id, "manifest", manifest.bytes);
  return row.id;
}

const LAST_REFERRER = `SELECT created_at FROM manifests WHERE repository = $1 AND subject = $2
  ORDER BY created_at DESC LIMIT 1`;

/** The time now, and for a referrer at least a millisecond after the last one, whatever the clock says. */
async function createdAt(
  session: SqlSession,
  repository: RepositoryName,
  subject: Digest | undefined,
): Promise<number> {
  if (subject === undefined) return Date.now();
  const [last] = await session.query<{ created_at: number }>(LAST_REFERRER, [repository, subject]);
  return Math.max(Date.now(), (last?.created_at ?? 0) + 1);
}

/**
 * Stores a known manifest once more. These bytes are good, while the stored ones may be damaged, and an earlier version
 * of the registry may have read less from them.
 */
async function rewriteManifest(session: SqlSession, id: number, manifest: NewManifest): Promise<void> {
  await session.query("UPDATE manifests SET subject = $2, artifact_type = $3, bytes = $4 WHERE id = $1", [
    id,
    manifest.subject ?? null,
    manifest.artifactType ?? null,
    isLarge(manifest) ? NO_BYTES : manifest.bytes,
  ]);
  if (isLarge(manifest)) await writePieces(session, id, "manifest", manifest.bytes);
  await deleteReferencesOf(session, id);
  await deletePieces(session, id, "descriptor");
}

function isLarge({ bytes }: NewManifest): boolean {
  return bytes.byteLength > WHOLE_MANIFEST_BYTES;
}

/** Removes a manifest with its digests, references and tags; false if there is none. Lock the repository first. */
export async function removeManifest(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
): Promise<boolean> {
  const [manifest] = await session.query<{ manifest_id: number }>(
    "SELECT manifest_id FROM manifest_digests WHERE repository = $1 AND digest = $2",
    [repository, digest],
  );
  if (manifest === undefined) return false;
  await deleteTagsOf(session, repository, manifest.manifest_id);
  await deleteReferencesOf(session, manifest.manifest_id);
  await session.query("DELETE FROM manifests WHERE id = $1", [manifest.manifest_id]);
  await countManifests(session, repository, -1);
  return true;
}
