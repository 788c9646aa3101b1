import { algorithmOf, CANONICAL_ALGORITHM, type Digest, digestOf } from "../oci/digest.ts";
import { isDigestReference, type Reference, type Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ManifestReference, NewManifest, StoredManifest } from "./metadata-store.ts";
import type { SqlEngine, SqlSession } from "./sql-engine.ts";
import { claimRepository, countManifests, lockRepository } from "./sql-repositories.ts";
import { chunksOf, inList, valuesList } from "./statement-chunks.ts";

interface ManifestRow {
  readonly digest: Digest;
  readonly media_type: string;
  readonly bytes: Uint8Array;
}

/** The manifest that `reference` names, in one look-up. */
export async function findManifest(
  session: SqlSession,
  repository: RepositoryName,
  reference: Reference,
): Promise<StoredManifest | undefined> {
  const sql = isDigestReference(reference)
    ? `SELECT name.digest, manifests.media_type, manifests.bytes
       FROM manifest_digests AS name JOIN manifests ON manifests.id = name.manifest_id
       WHERE name.repository = $1 AND name.digest = $2`
    : `SELECT tags.digest, manifests.media_type, manifests.bytes
       FROM tags JOIN manifests ON manifests.id = tags.manifest_id
       WHERE tags.repository = $1 AND tags.name = $2`;
  const [row] = await session.query<ManifestRow>(sql, [repository, reference]);
  return row && { digest: row.digest, mediaType: row.media_type, bytes: row.bytes };
}

/** Rolls the transaction back when something that a manifest refers to is missing. */
class MissingReferences extends Error {
  readonly references: readonly ManifestReference[];

  constructor(references: readonly ManifestReference[]) {
    super("the repository does not hold all that the manifest refers to");
    this.references = references;
  }
}

/** Stores a manifest, then its tags; resolves to what it lacks, in the order given, having written nothing then. */
export async function putManifest(
  engine: SqlEngine,
  repository: RepositoryName,
  manifest: NewManifest,
  tags: readonly Tag[],
): Promise<readonly ManifestReference[]> {
  const store = async (session: SqlSession) => {
    await claimRepository(session, repository);
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

/** Removes a manifest with all that hangs on it: its names, references and tags. */
export async function deleteManifest(
  engine: SqlEngine,
  repository: RepositoryName,
  digest: Digest,
): Promise<boolean> {
  return engine.transaction(
    async (session) => {
      if (!(await lockRepository(session, repository))) return false;
      const removed = await session.query(
        `DELETE FROM manifests
         WHERE id = (SELECT manifest_id FROM manifest_digests WHERE repository = $1 AND digest = $2)
         RETURNING id`,
        [repository, digest],
      );
      if (removed.length === 0) return false;
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
  const held = new Set<Digest>();
  for (const chunk of chunksOf(digests)) {
    const rows = await session.query<{ digest: Digest }>(sql, [repository, ...chunk]);
    for (const row of rows) held.add(row.digest);
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
  const [known] = await session.query<{ id: number }>(
    "SELECT id FROM manifests WHERE repository = $1 AND canonical = $2",
    [repository, canonical],
  );
  const id = known?.id ?? (await insertManifest(session, repository, canonical, manifest));
  // The same bytes pushed again, as what their latest push says they are.
  if (known) await describeManifest(session, known.id, manifest);
  else await countManifests(session, repository, 1);
  for (const digest of manifest.digests) {
    await session.query(
      `INSERT INTO manifest_digests (repository, digest, manifest_id) VALUES ($1, $2, $3)
       ON CONFLICT (repository, digest) DO NOTHING`,
      [repository, digest, id],
    );
  }
  await writeReferences(session, id, manifest.references);
  return id;
}

async function insertManifest(
  session: SqlSession,
  repository: RepositoryName,
  canonical: Digest,
  manifest: NewManifest,
): Promise<number> {
  const [row] = await session.query<{ id: number }>(
    `INSERT INTO manifests
       (repository, canonical, digest, media_type, size, subject, artifact_type, annotations, created_at, bytes)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     RETURNING id`,
    [
      repository,
      canonical,
      manifest.digest,
      manifest.mediaType,
      manifest.bytes.byteLength,
      manifest.subject ?? null,
      manifest.artifactType ?? null,
      annotationsText(manifest),
      Date.now(),
      manifest.bytes,
    ],
  );
  if (!row) throw new Error("recording a manifest returned no row");
  return row.id;
}

async function describeManifest(session: SqlSession, id: number, manifest: NewManifest): Promise<void> {
  await session.query(
    "UPDATE manifests SET media_type = $2, subject = $3, artifact_type = $4, annotations = $5 WHERE id = $1",
    [
      id,
      manifest.mediaType,
      manifest.subject ?? null,
      manifest.artifactType ?? null,
      annotationsText(manifest),
    ],
  );
  await session.query("DELETE FROM manifest_references WHERE manifest_id = $1", [id]);
}

function annotationsText(manifest: NewManifest): string | null {
  return manifest.annotations ? JSON.stringify(manifest.annotations) : null;
}

const INSERT_REFERENCES = `INSERT INTO manifest_references (manifest_id, kind, digest)
  VALUES ${valuesList((index) => `$1, $${2 * index + 2}, $${2 * index + 3}`)}
  ON CONFLICT (manifest_id, kind, digest) DO NOTHING`;

async function writeReferences(
  session: SqlSession,
  id: number,
  references: readonly ManifestReference[],
): Promise<void> {
  for (const chunk of chunksOf(references)) {
    await session.query(INSERT_REFERENCES, [id, ...chunk.flatMap(({ kind, digest }) => [kind, digest])]);
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
