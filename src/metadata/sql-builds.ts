import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { BuildLedger, BuiltImage, CachedLayer } from "./ports/build-ledger.ts";
import type { SqlEngine, SqlSession } from "./sql-engine.ts";
import { lockRepository } from "./sql-repositories.ts";
import { moveTag } from "./sql-tags.ts";
import { chunksOf, inList } from "./statement-chunks.ts";

interface BuiltImageRow {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly manifest_digest: Digest;
  readonly lock_digest: Digest;
  readonly resolved_at: number;
}

interface CachedLayerRow {
  readonly key: string;
  readonly descriptor: string;
  readonly diff_id: Digest;
  readonly facts: string;
}

const BUILT_IMAGE_COLUMNS = "repository, tag, manifest_digest, lock_digest, resolved_at";

/** The layer cache and the built images in SQL. */
export class SqlBuilds implements BuildLedger {
  readonly #engine: SqlEngine;

  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  async findLayers(keys: readonly string[]): Promise<ReadonlyMap<string, CachedLayer>> {
    const found = new Map<string, CachedLayer>();
    for (const chunk of chunksOf(keys)) {
      const rows = await this.#engine.query<CachedLayerRow>(
        `SELECT key, descriptor, diff_id, facts FROM layer_cache WHERE key IN ${inList(1)}`,
        chunk,
      );
      for (const row of rows) {
        const descriptor: Descriptor = JSON.parse(row.descriptor);
        found.set(row.key, { key: row.key, descriptor, diffId: row.diff_id, facts: row.facts });
      }
    }
    return found;
  }

  async putLayer({ key, descriptor, diffId, facts }: CachedLayer, lost?: Digest): Promise<void> {
    await this.#engine.transaction(
      (session) =>
        session.query(
          `INSERT INTO layer_cache (key, digest, descriptor, diff_id, facts, created_at)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (key) DO UPDATE SET
             digest = excluded.digest,
             descriptor = excluded.descriptor,
             diff_id = excluded.diff_id,
             facts = excluded.facts,
             created_at = excluded.created_at
           WHERE layer_cache.digest = $7`,
          [key, descriptor.digest, JSON.stringify(descriptor), diffId, facts, Date.now(), lost ?? ""],
        ),
      { durable: true },
    );
  }

  async findBuiltImage(repository: RepositoryName, tag: Tag): Promise<BuiltImage | undefined> {
    const [row] = await this.#engine.query<BuiltImageRow>(
      `SELECT ${BUILT_IMAGE_COLUMNS} FROM built_images WHERE repository = $1 AND tag = $2`,
      [repository, tag],
    );
    return row && builtImage(row);
  }

  async findImageByLock(lockDigest: Digest): Promise<BuiltImage | undefined> {
    const [row] = await this.#engine.query<BuiltImageRow>(
      `SELECT ${BUILT_IMAGE_COLUMNS} FROM built_images
       WHERE lock_digest = $1 ORDER BY repository, tag LIMIT 1`,
      [lockDigest],
    );
    return row && builtImage(row);
  }

  async publishBuiltImage(image: BuiltImage, replaces: Digest | undefined): Promise<boolean> {
    const { repository, tag, manifestDigest } = image;
    return this.#engine.transaction(
      async (session) => {
        if (!(await lockRepository(session, repository))) return false;
        if (!(await moveTag(session, repository, tag, manifestDigest, replaces))) return false;
        await writeBuiltImage(session, image);
        return true;
      },
      { durable: true },
    );
  }
}

async function writeBuiltImage(session: SqlSession, image: BuiltImage): Promise<void> {
  await session.query(
    `INSERT INTO built_images (${BUILT_IMAGE_COLUMNS}) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (repository, tag) DO UPDATE SET
       manifest_digest = excluded.manifest_digest,
       lock_digest = excluded.lock_digest,
       resolved_at = excluded.resolved_at`,
    [image.repository, image.tag, image.manifestDigest, image.lockDigest, image.resolvedAt.getTime()],
  );
}

function builtImage(row: BuiltImageRow): BuiltImage {
  return {
    repository: row.repository,
    tag: row.tag,
    manifestDigest: row.manifest_digest,
    lockDigest: row.lock_digest,
    resolvedAt: new Date(row.resolved_at),
  };
}
