import { WorkSlices } from "../concurrency/work-slices.ts";
import { algorithmOf, CANONICAL_ALGORITHM, type Digest, digestOf } from "../oci/digest.ts";
import { isDigestReference, type Reference, type Tag } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { requireCondition, type WriteCondition } from "../oci/write-condition.ts";
import {
  type ManifestReference,
  type NewManifest,
  type StoredManifest,
  WHOLE_MANIFEST_BYTES,
} from "./ports/manifest-ledger.ts";
import { findCurrent } from "./sql-conditions.ts";
import type { SqlEngine, SqlSession } from "./sql-engine.ts";
import { deleteReferencesOf, deleteTagsOf } from "./sql-manifest-dependents.ts";
import { deletePieces, readPieces, writePieces } from "./sql-pieces.ts";
import { writeDescriptor } from "./sql-referrers.ts";
import { claimRepository, countManifests, lockRepository } from "./sql-repositories.ts";
import { chunksOf, inList, valuesList } from "./statement-chunks.ts";

interface ManifestRow {
  readonly digest: Digest;
  readonly media_type: string;
  readonly size: number;
  readonly bytes: Uint8Array | null;
}

const COLUMNS = `manifests.media_type, manifests.size,
  CASE WHEN manifests.size <= ${WHOLE_MANIFEST_BYTES} THEN manifests.bytes END AS bytes`;

/** The manifest that `reference` names, in one look-up. */
export async function findManifest(
  session: SqlSession,
  repository: RepositoryName,
  reference: Reference,
): Promise<StoredManifest | undefined> {
  const sql = isDigestReference(reference)
    ? `SELECT name.digest, ${COLUMNS}
       FROM manifest_digests AS name JOIN manifests ON manifests.id = name.manifest_id
       WHERE name.repository = $1 AND name.digest = $2`
    : `SELECT tags.digest, ${COLUMNS}
       FROM tags JOIN manifests ON manifests.id = tags.manifest_id
       WHERE tags.repository = $1 AND tags.name = $2`;
  const [row] = await session.query<ManifestRow>(sql, [repository, reference]);
  if (row === undefined) return undefined;
  const { digest, media_type: mediaType, size, bytes } = row;
  return bytes === null ? { digest, mediaType, size } : { digest, mediaType, size, bytes };
}

const MANIFEST_PIECE = `SELECT manifests.size AS total,
    CASE WHEN manifests.size <= ${WHOLE_MANIFEST_BYTES} THEN manifests.bytes ELSE piece.bytes END AS bytes
  FROM manifest_digests AS name
  JOIN manifests ON manifests.id = name.manifest_id
  LEFT JOIN manifest_pieces AS piece
    ON piece.manifest_id = name.manifest_id AND piece.part = 'manifest' AND piece.number = $3
  WHERE name.repository = $1 AND name.digest = $2`;

/** A manifest's bytes in pieces. */
export async function* readManifest(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
): AsyncGenerator<Uint8Array> {
  let isEmpty = true;
  for await (const piece of readPieces(session, MANIFEST_PIECE, repository, digest)) {
    isEmpty = false;
    yield piece;
  }
  if (isEmpty)
    throw new RegistryError("manifest-unknown", `the manifest ${digest} was deleted while it was read`);
}

/** Rolls back the transaction if something that a manifest refers to is missing. */
class MissingReferences extends Error {
  readonly references: readonly ManifestReference[];

  constructor(references: readonly ManifestReference[]) {
    super("the repository does not have everything that the manifest refers to");
    this.references = references;
  }
}

/**
 * Stores a manifest and its tags. If references are missing, it writes nothing and resolves to them, in the given
 * order.
 */
export async function putManifest(
  engine: SqlEngine,
  repository: RepositoryName,
  manifest: NewManifest,
  tags: readonly Tag[],
  condition?: WriteCondition,
): Promise<readonly ManifestReference[]> {
  const store = async (session: SqlSession) => {
    await claimRepository(session, repository);
    if (condition !== undefined) {
      for (const reference of tags.length > 0 ? tags : [manifest.digest]) {
        requireCondition(condition, reference, await findCurrent(session, repository, reference));
      }
    }
    const missing = await findMissing(session, repository, manifest.references);
    if (missing.length > 0) throw new MissingReferences(missing);
    const id = await writeManifest(session, repository, manifest);
    for (const tag of tags) await writeTag(session, repository, tag, id, manifest.digest);
  };
  try {
    await engine.transaction(store, { durable: true });
    return [];
  } catch (error) {
    if (error instanceof MissingReferences) return error.references;
    throw error;
  }
}

/** Removes a manifest with its names, references and tags. */
export async function deleteManifest(
  engine: SqlEngine,
  repository: RepositoryName,
  digest: Digest,
  condition?: WriteCondition,
): Promise<boolean> {
  return engine.transaction(
    async (session) => {
      if (!(await lockRepository(session, repository))) return false;
      if (condition !== undefined) {
        const current = await findCurrent(session, repository, digest);
        if (current === undefined) return false;
        requireCondition(condition, digest, current);
      }
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
    },
    { durable: true },
  );
}

async function findMissing(
  session: SqlSession,
  repository: RepositoryName,
  references: readonly ManifestReference[],
): Promise<readonly ManifestReference[]> {
  const required = references.filter((reference) => !reference.optional);
  const [manifests, blobs] = [
    await heldManifests(session, repository, digestsOf(required, true)),
    await heldBlobs(session, repository, digestsOf(required, false)),
  ];
  return required.filter(({ kind, digest }) => !(kind === "manifest" ? manifests : blobs).has(digest));
}

function digestsOf(references: readonly ManifestReference[], ofManifests: boolean): readonly Digest[] {
  const digests = references
    .filter(({ kind }) => (kind === "manifest") === ofManifests)
    .map(({ digest }) => digest);
  return [...new Set(digests)];
}

function heldManifests(session: SqlSession, repository: RepositoryName, digests: readonly Digest[]) {
  return heldAmong(
    session,
    `SELECT digest FROM manifest_digests WHERE repository = $1 AND digest IN ${inList(2)}`,
    repository,
    digests,
  );
}

function heldBlobs(session: SqlSession, repository: RepositoryName, digests: readonly Digest[]) {
  return heldAmong(
    session,
    `SELECT digest FROM blob_links WHERE repository = $1 AND digest IN ${inList(2)}`,
    repository,
    digests,
  );
}

async function heldAmong(
  session: SqlSession,
  sql: string,
  repository: RepositoryName,
  digests: readonly Digest[],
): Promise<ReadonlySet<Digest>> {
  const slices = new WorkSlices();
  const held = new Set<Digest>();
  for (const chunk of chunksOf(digests)) {
    const rows = await session.query<{ digest: Digest }>(sql, [repository, ...chunk]);
    for (const row of rows) held.add(row.digest);
    await slices.pause();
  }
  return held;
}

async function writeManifest(
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

/** Otherwise existing tags and digests of these bytes would change their type. */
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
      Date.now(),
      isLarge(manifest) ? NO_BYTES : manifest.bytes,
    ],
  );
  if (!row) throw new Error("recording a manifest returned no row");
  if (isLarge(manifest)) await writePieces(session, row.id, "manifest", manifest.bytes);
  return row.id;
}

/**
 * Stores what a manifest that is known says once more: an earlier version of the registry may have read less of it, and
 * the stored bytes may be damaged, while these are good.
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

/** Stands for the bytes that are stored in pieces. */
const NO_BYTES = new Uint8Array(0);

function isLarge({ bytes }: NewManifest): boolean {
  return bytes.byteLength > WHOLE_MANIFEST_BYTES;
}

const INSERT_REFERENCES = `INSERT INTO manifest_references (manifest_id, kind, digest)
  VALUES ${valuesList((index) => `$1, $${2 * index + 2}, $${2 * index + 3}`)}
  ON CONFLICT (manifest_id, kind, digest) DO NOTHING`;

async function writeReferences(
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

async function writeTag(
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
