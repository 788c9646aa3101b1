import type { SqlSession } from "./sql-engine.ts";
import { type PiecedPart, writePieces } from "./sql-pieces.ts";
import type { Migration, MigrationStep, SqlTypes } from "./sql-types.ts";

/** All migrations; a database's version is the number of migrations that ran. */
export const MIGRATIONS: readonly Migration[] = [
  (types) => [...blobTables(types), ...manifestTables(types), ...uploadTables(types), ...buildTables(types)],
  unlinkTables,
  descriptorTable,
  pieceTable,
  sourceFacts,
  packageIndexTables,
  sealedUploads,
  referrersByTime,
];

function blobTables({ identity, integer, text, keyed }: SqlTypes): readonly string[] {
  return [
    `CREATE TABLE repositories (
      name ${text} NOT NULL PRIMARY KEY,
      manifest_count ${integer} NOT NULL DEFAULT 0,
      pushed ${integer} NOT NULL DEFAULT 0
    ) ${keyed}`,
    "CREATE INDEX repositories_with_manifests ON repositories (name) WHERE manifest_count > 0",
    `CREATE TABLE blobs (
      id ${identity},
      digest ${text} NOT NULL UNIQUE,
      size ${integer} NOT NULL,
      created_at ${integer} NOT NULL
    )`,
    `CREATE TABLE blob_links (
      repository ${text} NOT NULL REFERENCES repositories (name),
      digest ${text} NOT NULL,
      blob_id ${integer} NOT NULL REFERENCES blobs (id),
      PRIMARY KEY (repository, digest)
    ) ${keyed}`,
    "CREATE INDEX blob_links_by_digest ON blob_links (digest, repository)",
    "CREATE INDEX blob_links_by_blob ON blob_links (blob_id, repository)",
  ];
}

function manifestTables({ identity, integer, text, bytes, keyed }: SqlTypes): readonly string[] {
  return [
    `CREATE TABLE manifests (
      id ${identity},
      repository ${text} NOT NULL REFERENCES repositories (name),
      canonical ${text} NOT NULL,
      digest ${text} NOT NULL,
      media_type ${text} NOT NULL,
      size ${integer} NOT NULL,
      subject ${text},
      artifact_type ${text},
      annotations ${text},
      created_at ${integer} NOT NULL,
      bytes ${bytes} NOT NULL,
      UNIQUE (repository, canonical)
    )`,
    `CREATE INDEX manifests_by_subject
      ON manifests (repository, subject, digest) WHERE subject IS NOT NULL`,
    `CREATE INDEX manifests_by_subject_and_type
      ON manifests (repository, subject, artifact_type, digest) WHERE subject IS NOT NULL`,
    `CREATE TABLE manifest_digests (
      repository ${text} NOT NULL,
      digest ${text} NOT NULL,
      manifest_id ${integer} NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
      PRIMARY KEY (repository, digest)
    ) ${keyed}`,
    "CREATE INDEX manifest_digests_by_manifest ON manifest_digests (manifest_id)",
    `CREATE TABLE manifest_references (
      manifest_id ${integer} NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
      kind ${text} NOT NULL,
      digest ${text} NOT NULL,
      PRIMARY KEY (manifest_id, kind, digest)
    ) ${keyed}`,
    "CREATE INDEX manifest_references_by_digest ON manifest_references (digest, manifest_id)",
    `CREATE TABLE tags (
      repository ${text} NOT NULL,
      name ${text} NOT NULL,
      manifest_id ${integer} NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
      digest ${text} NOT NULL,
      updated_at ${integer} NOT NULL,
      PRIMARY KEY (repository, name)
    ) ${keyed}`,
    "CREATE INDEX tags_by_manifest ON tags (manifest_id)",
  ];
}

function uploadTables({ integer, text, keyed }: SqlTypes): readonly string[] {
  return [
    `CREATE TABLE uploads (
      id ${text} NOT NULL PRIMARY KEY,
      repository ${text} NOT NULL,
      started_at ${integer} NOT NULL
    ) ${keyed}`,
    "CREATE INDEX uploads_by_start ON uploads (started_at, id)",
  ];
}

function buildTables({ integer, text, keyed }: SqlTypes): readonly string[] {
  return [
    `CREATE TABLE layer_cache (
      key ${text} NOT NULL PRIMARY KEY,
      digest ${text} NOT NULL,
      descriptor ${text} NOT NULL,
      diff_id ${text} NOT NULL,
      facts ${text} NOT NULL,
      created_at ${integer} NOT NULL
    ) ${keyed}`,
    "CREATE INDEX layer_cache_by_digest ON layer_cache (digest)",
    `CREATE TABLE built_images (
      repository ${text} NOT NULL,
      tag ${text} NOT NULL,
      manifest_digest ${text} NOT NULL,
      lock_digest ${text} NOT NULL,
      resolved_at ${integer} NOT NULL,
      PRIMARY KEY (repository, tag)
    ) ${keyed}`,
    "CREATE INDEX built_images_by_lock ON built_images (lock_digest, repository, tag)",
  ];
}

/** Deleted blob links, which instances read to update their caches; see `sql-unlink-log.ts`. */
function unlinkTables({ integer, text, keyed }: SqlTypes): readonly string[] {
  return [
    `CREATE TABLE counters (
      name ${text} NOT NULL PRIMARY KEY,
      value ${integer} NOT NULL
    ) ${keyed}`,
    "INSERT INTO counters (name, value) VALUES ('unlinks', 0)",
    `CREATE TABLE unlinks (
      number ${integer} NOT NULL PRIMARY KEY,
      repository ${text} NOT NULL,
      digest ${text} NOT NULL
    ) ${keyed}`,
  ];
}

/** Facts that package sources remember; see `source-ledger.ts`. */
function sourceFacts({ integer, text, keyed }: SqlTypes): readonly string[] {
  return [
    `CREATE TABLE source_facts (
      kind ${text} NOT NULL,
      key ${text} NOT NULL,
      value ${text} NOT NULL,
      written_at ${integer} NOT NULL,
      PRIMARY KEY (kind, key)
    ) ${keyed}`,
    "CREATE INDEX source_facts_by_time ON source_facts (kind, written_at)",
  ];
}

/**
 * The descriptor of each manifest with a subject, as referrers lists send it, so that a list joins bytes and parses
 * nothing. It is a separate table, because a column after a manifest's bytes is slow to read.
 */
function descriptorTable({ integer, bytes, jsonString, utf8 }: SqlTypes): readonly string[] {
  const optional = (name: string, column: string, json: string) =>
    `CASE WHEN ${column} IS NULL THEN '' ELSE ',"${name}":' || ${json} END`;
  const descriptor = [
    `'{"mediaType":' || ${jsonString("media_type")}`,
    `',"digest":"' || digest || '","size":' || size`,
    optional("artifactType", "artifact_type", jsonString("artifact_type")),
    optional("annotations", "annotations", "annotations"),
    "'}'",
  ].join(" || ");
  return [
    `CREATE TABLE manifest_descriptors (
      manifest_id ${integer} NOT NULL PRIMARY KEY REFERENCES manifests (id) ON DELETE CASCADE,
      json ${bytes} NOT NULL
    )`,
    `INSERT INTO manifest_descriptors (manifest_id, json) SELECT id, ${utf8(descriptor)} FROM manifests`,
    "ALTER TABLE manifests DROP COLUMN annotations",
  ];
}

/**
 * Large manifests and descriptors are stored in pieces of 64 KiB. A database reads or writes a value only as a whole,
 * which blocks other requests for 10 ms and more when it has 4 MiB.
 */
function pieceTable({ identity, integer, text, bytes }: SqlTypes): readonly MigrationStep[] {
  const [largeManifest, largeDescriptor] = [256 * 1024, 16 * 1024];
  const empty = `CAST('' AS ${bytes})`;
  return [
    `CREATE TABLE manifest_pieces (
      id ${identity},
      manifest_id ${integer} NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
      part ${text} NOT NULL,
      number ${integer} NOT NULL,
      bytes ${bytes} NOT NULL,
      UNIQUE (manifest_id, part, number)
    )`,
    (session) =>
      cutValues(session, "manifest", {
        ids: `SELECT id FROM manifests WHERE size > ${largeManifest}`,
        value: "SELECT bytes AS value FROM manifests WHERE id = $1",
      }),
    `UPDATE manifests SET bytes = ${empty} WHERE size > ${largeManifest}`,
    (session) =>
      cutValues(session, "descriptor", {
        ids: `SELECT manifest_id AS id FROM manifest_descriptors WHERE length(json) > ${largeDescriptor}`,
        value: "SELECT json AS value FROM manifest_descriptors WHERE manifest_id = $1",
      }),
    "ALTER TABLE manifest_descriptors RENAME TO whole_descriptors",
    `CREATE TABLE manifest_descriptors (
      manifest_id ${integer} NOT NULL PRIMARY KEY REFERENCES manifests (id) ON DELETE CASCADE,
      size ${integer} NOT NULL,
      json ${bytes} NOT NULL
    )`,
    `INSERT INTO manifest_descriptors (manifest_id, size, json)
     SELECT manifest_id, length(json), CASE WHEN length(json) > ${largeDescriptor} THEN ${empty} ELSE json END
     FROM whole_descriptors`,
    "DROP TABLE whole_descriptors",
  ];
}

/**
 * Stores large values in pieces. Reads each value once, because a database that cuts a value reads all of it for each
 * piece.
 */
async function cutValues(
  session: SqlSession,
  part: PiecedPart,
  sql: { readonly ids: string; readonly value: string },
): Promise<void> {
  for (const { id } of await session.query<{ id: number }>(sql.ids)) {
    const [row] = await session.query<{ value: Uint8Array }>(sql.value, [id]);
    if (row !== undefined) await writePieces(session, id, part, row.value);
  }
}

/**
 * Packages for searches; see `sql-package-index.ts`. An index is `writing`, `complete` or `removed`; the complete index
 * of a source with the highest place is current. Its packages are numbered in the order in which they were written,
 * with gaps, so that a search can read them in parts without reading the names.
 */
function packageIndexTables({ identity, integer, text, keyed }: SqlTypes): readonly string[] {
  return [
    `CREATE TABLE package_indexes (
      id ${identity},
      source ${text} NOT NULL,
      state ${text} NOT NULL,
      status ${text} NOT NULL,
      place ${integer} NOT NULL,
      last_number ${integer} NOT NULL
    )`,
    "CREATE INDEX package_indexes_by_source ON package_indexes (source, status, place)",
    `CREATE TABLE indexed_packages (
      index_id ${integer} NOT NULL REFERENCES package_indexes (id) ON DELETE CASCADE,
      number ${integer} NOT NULL,
      name ${text} NOT NULL,
      version ${text} NOT NULL,
      description ${text} NOT NULL,
      homepage ${text},
      license ${text},
      main_program ${text},
      searched ${text} NOT NULL,
      PRIMARY KEY (index_id, number),
      UNIQUE (index_id, name)
    ) ${keyed}`,
  ];
}

/** What an upload becomes, once its bytes are verified; see `sql-uploads.ts`. */
function sealedUploads({ integer, text }: SqlTypes): readonly string[] {
  return [
    `ALTER TABLE uploads ADD COLUMN sealed_digest ${text}`,
    `ALTER TABLE uploads ADD COLUMN sealed_size ${integer}`,
    `ALTER TABLE uploads ADD COLUMN claimed_digest ${text}`,
  ];
}

/** Referrers in the order of their pushes. */
function referrersByTime(): readonly string[] {
  return [
    "DROP INDEX manifests_by_subject",
    "DROP INDEX manifests_by_subject_and_type",
    `CREATE INDEX manifests_by_subject
      ON manifests (repository, subject, created_at, digest) WHERE subject IS NOT NULL`,
    `CREATE INDEX manifests_by_subject_and_type
      ON manifests (repository, subject, artifact_type, created_at, digest) WHERE subject IS NOT NULL`,
  ];
}
