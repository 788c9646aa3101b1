import type { SqlEngine } from "./sql-engine.ts";

/** The few words in which the engines' table definitions differ. */
export interface SqlTypes {
  /** A row number that the database hands out. */
  readonly identity: string;
  /** A whole number of 64 bits. */
  readonly integer: string;
  /** Text that compares by its bytes. */
  readonly text: string;
  readonly bytes: string;
  /** What a table whose primary key is its content ends with. */
  readonly keyed: string;
}

/** The words each engine uses. */
export const SQL_TYPES: Readonly<Record<SqlEngine["name"], SqlTypes>> = {
  sqlite: {
    identity: "INTEGER PRIMARY KEY",
    integer: "INTEGER",
    text: "TEXT COLLATE BINARY",
    bytes: "BLOB",
    keyed: "WITHOUT ROWID",
  },
  postgres: {
    identity: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    integer: "BIGINT",
    text: 'TEXT COLLATE "C"',
    bytes: "BYTEA",
    keyed: "",
  },
};

/** One step of the schema: statements that run in order, once. Never changed after it was released. */
export type Migration = (types: SqlTypes) => readonly string[];

/** All steps; a database's version is the number of steps it has taken. */
export const MIGRATIONS: readonly Migration[] = [
  (types) => [...blobTables(types), ...manifestTables(types), ...uploadTables(types), ...buildTables(types)],
  unlinkTables,
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

/** What instances tell each other of deleted blob links; see `sql-unlink-log.ts`. */
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
