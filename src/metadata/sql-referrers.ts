import type { ByteSource } from "../bytes/byte-source.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Referrer, ReferrerLedger, ReferrerPlace } from "./ports/referrer-ledger.ts";
import { readDescriptors } from "./sql-descriptors.ts";
import type { SqlEngine, SqlValue } from "./sql-engine.ts";
import { chunksOf, inList } from "./statement-chunks.ts";

interface ListedRow extends ReferrerRow {
  readonly created_at: number;
}

interface ReferrerRow {
  readonly digest: Digest;
  readonly bytes: number;
}

const REFERRER = `manifests.digest, manifests.created_at, manifest_descriptors.size AS bytes
  FROM manifests JOIN manifest_descriptors ON manifest_descriptors.manifest_id = manifests.id`;

const ANY_TYPE = `SELECT ${REFERRER}
  WHERE repository = $1 AND subject = $2 AND (created_at, digest) > ($3, $4)
  ORDER BY created_at, digest LIMIT $5`;

const ONE_TYPE = `SELECT ${REFERRER}
  WHERE repository = $1 AND subject = $2 AND artifact_type = $6 AND (created_at, digest) > ($3, $4)
  ORDER BY created_at, digest LIMIT $5`;

const AMONG = `SELECT name.digest, manifest_descriptors.size AS bytes
  FROM manifest_digests AS name
  JOIN manifests ON manifests.id = name.manifest_id
  JOIN manifest_descriptors ON manifest_descriptors.manifest_id = manifests.id
  WHERE name.repository = $1 AND (manifests.subject IS NULL OR manifests.subject <> $2)
    AND ($3 = '' OR manifests.artifact_type = $3) AND name.digest IN ${inList(4)}`;

/** Referrers in SQL: manifests by subject, and their descriptors. */
export class SqlReferrers implements ReferrerLedger {
  readonly #engine: SqlEngine;

  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  async listReferrers(
    repository: RepositoryName,
    subject: Digest,
    { artifactType }: { readonly artifactType?: string },
    { after, limit }: Parameters<ReferrerLedger["listReferrers"]>[3],
  ): Promise<readonly (Referrer & ReferrerPlace)[]> {
    const place = [after?.listedAt ?? -1, after?.digest ?? ""];
    const range: readonly SqlValue[] = [repository, subject, ...place, limit];
    const rows =
      artifactType === undefined
        ? await this.#engine.query<ListedRow>(ANY_TYPE, range)
        : await this.#engine.query<ListedRow>(ONE_TYPE, [...range, artifactType]);
    return rows.map((row) => ({ ...referrer(row), listedAt: row.created_at }));
  }

  async findReferrers(
    repository: RepositoryName,
    subject: Digest,
    { artifactType = "" }: { readonly artifactType?: string },
    candidates: readonly Digest[],
  ): Promise<readonly Referrer[]> {
    const found: ReferrerRow[] = [];
    for (const chunk of chunksOf(candidates)) {
      found.push(
        ...(await this.#engine.query<ReferrerRow>(AMONG, [repository, subject, artifactType, ...chunk])),
      );
    }
    return found.map(referrer);
  }

  readDescriptors(repository: RepositoryName, referrers: readonly Referrer[]): ByteSource {
    return readDescriptors(this.#engine, repository, referrers);
  }

  epoch(): number | undefined {
    return this.#engine.epoch();
  }
}

function referrer({ digest, bytes }: ReferrerRow): Referrer {
  return { digest, descriptorBytes: bytes };
}
