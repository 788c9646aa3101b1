import type { Awaitable } from "../concurrency/awaitable.ts";
import type { Digest } from "../oci/digest.ts";
import { isDigestReference, type Reference, type Tag } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { WriteCondition } from "../oci/write-condition.ts";
import { ManifestCache } from "./manifest-cache.ts";
import {
  type ManifestLedger,
  type ManifestReference,
  type NewManifest,
  type StoredManifest,
  WHOLE_MANIFEST_BYTES,
} from "./ports/manifest-ledger.ts";
import { mayRemove, requireConditionOf } from "./sql-conditions.ts";
import type { SqlEngine, SqlSession } from "./sql-engine.ts";
import { findMissing } from "./sql-manifest-references.ts";
import { removeManifest, writeManifest } from "./sql-manifest-rows.ts";
import { readPieces } from "./sql-pieces.ts";
import { claimRepository, lockRepository } from "./sql-repositories.ts";
import { removeTag, writeTag } from "./sql-tags.ts";

interface ManifestRow {
  readonly digest: Digest;
  readonly media_type: string;
  readonly size: number;
  readonly bytes: Uint8Array | null;
}

const COLUMNS = `manifests.media_type, manifests.size,
  CASE WHEN manifests.size <= ${WHOLE_MANIFEST_BYTES} THEN manifests.bytes END AS bytes`;

const BY_DIGEST = `SELECT name.digest, ${COLUMNS}
  FROM manifest_digests AS name JOIN manifests ON manifests.id = name.manifest_id
  WHERE name.repository = $1 AND name.digest = $2`;

const BY_TAG = `SELECT tags.digest, ${COLUMNS}
  FROM tags JOIN manifests ON manifests.id = tags.manifest_id
  WHERE tags.repository = $1 AND tags.name = $2`;

const MANIFEST_PIECE = `SELECT manifests.size AS total,
    CASE WHEN manifests.size <= ${WHOLE_MANIFEST_BYTES} THEN manifests.bytes ELSE piece.bytes END AS bytes
  FROM manifest_digests AS name
  JOIN manifests ON manifests.id = name.manifest_id
  LEFT JOIN manifest_pieces AS piece
    ON piece.manifest_id = name.manifest_id AND piece.part = 'manifest' AND piece.number = $3
  WHERE name.repository = $1 AND name.digest = $2`;

/** Rolls back the transaction of a push because something that the manifest refers to is missing. */
class MissingReferences extends Error {
  readonly references: readonly ManifestReference[];

  constructor(references: readonly ManifestReference[]) {
    super("the repository does not have everything that the manifest refers to");
    this.references = references;
  }
}

/** Manifests and tags in SQL, with a cache of manifests. */
export class SqlManifests implements ManifestLedger {
  readonly #engine: SqlEngine;
  readonly #cache: ManifestCache | undefined;

  /** @param cacheBytes memory for cached manifests; 0 caches none */
  constructor(engine: SqlEngine, cacheBytes: number) {
    this.#engine = engine;
    const source = {
      epoch: () => engine.epoch(),
      find: (repository: RepositoryName, reference: Reference) =>
        selectManifest(engine, repository, reference),
    };
    this.#cache = cacheBytes > 0 ? new ManifestCache(source, cacheBytes) : undefined;
  }

  findManifest(repository: RepositoryName, reference: Reference): Awaitable<StoredManifest | undefined> {
    return this.#cache
      ? this.#cache.find(repository, reference)
      : selectManifest(this.#engine, repository, reference);
  }

  async *readManifest(repository: RepositoryName, digest: Digest): AsyncGenerator<Uint8Array> {
    let isEmpty = true;
    for await (const piece of readPieces(this.#engine, MANIFEST_PIECE, repository, digest)) {
      isEmpty = false;
      yield piece;
    }
    if (isEmpty)
      throw new RegistryError("manifest-unknown", `the manifest ${digest} was deleted while it was read`);
  }

  async putManifest(
    repository: RepositoryName,
    manifest: NewManifest,
    tags: readonly Tag[],
    condition?: WriteCondition,
  ): Promise<readonly ManifestReference[]> {
    const store = async (session: SqlSession) => {
      await claimRepository(session, repository);
      const targets = tags.length > 0 ? tags : [manifest.digest];
      await requireConditionOf(session, repository, targets, condition);
      const missing = await findMissing(session, repository, manifest.references);
      if (missing.length > 0) throw new MissingReferences(missing);
      const id = await writeManifest(session, repository, manifest);
      for (const tag of tags) await writeTag(session, repository, tag, id, manifest.digest);
    };
    try {
      await this.#engine.transaction(store, { durable: true });
      return [];
    } catch (error) {
      if (error instanceof MissingReferences) return error.references;
      throw error;
    }
  }

  deleteManifest(repository: RepositoryName, digest: Digest, condition?: WriteCondition): Promise<boolean> {
    return this.#remove(repository, digest, condition, (session) =>
      removeManifest(session, repository, digest),
    );
  }

  deleteTag(repository: RepositoryName, tag: Tag, condition?: WriteCondition): Promise<boolean> {
    return this.#remove(repository, tag, condition, (session) => removeTag(session, repository, tag));
  }

  #remove(
    repository: RepositoryName,
    reference: Reference,
    condition: WriteCondition | undefined,
    remove: (session: SqlSession) => Promise<boolean>,
  ): Promise<boolean> {
    return this.#engine.transaction(
      async (session) =>
        (await lockRepository(session, repository)) &&
        (await mayRemove(session, repository, reference, condition)) &&
        (await remove(session)),
      { durable: true, usesReserve: true },
    );
  }
}

/** The manifest that `reference` names, in one look-up. */
async function selectManifest(
  session: SqlSession,
  repository: RepositoryName,
  reference: Reference,
): Promise<StoredManifest | undefined> {
  const sql = isDigestReference(reference) ? BY_DIGEST : BY_TAG;
  const [row] = await session.query<ManifestRow>(sql, [repository, reference]);
  if (row === undefined) return undefined;
  const { digest, media_type: mediaType, size, bytes } = row;
  return bytes === null ? { digest, mediaType, size } : { digest, mediaType, size, bytes };
}
