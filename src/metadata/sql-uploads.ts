import type { BlobDescriptor } from "../content/blob-services.ts";
import type { UploadId } from "../content/content-driver.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { FinishedUpload, UploadLedger, UploadRecord } from "./ports/upload-ledger.ts";
import { findLink, recordLinks } from "./sql-blob-links.ts";
import type { SqlEngine } from "./sql-engine.ts";

interface UploadRow {
  readonly id: UploadId;
  readonly repository: RepositoryName;
  readonly started_at: number;
  readonly sealed_digest: Digest | null;
  readonly sealed_size: number | null;
  readonly claimed_digest: Digest | null;
}

const COLUMNS = "id, repository, started_at, sealed_digest, sealed_size, claimed_digest";

/** Upload sessions as rows. They survive the process, but not always a power cut: a client then starts again. */
export class SqlUploads implements UploadLedger {
  readonly #engine: SqlEngine;

  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  async addUpload(upload: UploadRecord): Promise<void> {
    await this.#engine.transaction(
      (session) =>
        session.query("INSERT INTO uploads (id, repository, started_at) VALUES ($1, $2, $3)", [
          upload.id,
          upload.repository,
          upload.startedAt.getTime(),
        ]),
      { durable: false },
    );
  }

  async findUpload(repository: RepositoryName, id: UploadId): Promise<UploadRecord | undefined> {
    const [row] = await this.#engine.query<UploadRow>(
      `SELECT ${COLUMNS} FROM uploads WHERE id = $1 AND repository = $2`,
      [id, repository],
    );
    return row && uploadRecord(row);
  }

  async sealUpload({
    id,
    repository,
    blob,
    digest,
  }: Parameters<UploadLedger["sealUpload"]>[0]): Promise<boolean> {
    const sealed = await this.#engine.transaction(
      (session) =>
        session.query(
          `UPDATE uploads SET sealed_digest = $3, sealed_size = $4, claimed_digest = $5
           WHERE id = $1 AND repository = $2 RETURNING id`,
          [id, repository, blob.digest, blob.size, digest],
        ),
      { durable: false },
    );
    return sealed.length > 0;
  }

  async removeUpload(id: UploadId): Promise<boolean> {
    const removed = await this.#engine.transaction(
      (session) => session.query("DELETE FROM uploads WHERE id = $1 RETURNING id", [id]),
      { durable: false, usesReserve: true },
    );
    return removed.length > 0;
  }

  async finishUpload({ id, repository, blob, digests }: FinishedUpload): Promise<boolean> {
    return this.#engine.transaction(
      async (session) => {
        const ended = await session.query(
          "DELETE FROM uploads WHERE id = $1 AND repository = $2 RETURNING id",
          [id, repository],
        );
        if (ended.length === 0) return false;
        await recordLinks(session, repository, blob, digests);
        return true;
      },
      { durable: true },
    );
  }

  findFinished(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined> {
    // Durable, although it changes nothing: the transaction that linked the blob may not be synced yet.
    return this.#engine.transaction((session) => findLink(session, repository, digest), { durable: true });
  }

  async listStaleUploads(
    startedBefore: Date,
    limit: number,
    after?: Pick<UploadRecord, "id" | "startedAt">,
  ): Promise<readonly UploadRecord[]> {
    const rows = await this.#engine.query<UploadRow>(
      `SELECT ${COLUMNS} FROM uploads
       WHERE started_at < $1 AND (started_at, id) > ($2, $3) ORDER BY started_at, id LIMIT $4`,
      [startedBefore.getTime(), after?.startedAt.getTime() ?? -1, after?.id ?? "", limit],
    );
    return rows.map(uploadRecord);
  }
}

function uploadRecord(row: UploadRow): UploadRecord {
  const { id, repository, sealed_digest: canonical, sealed_size: size, claimed_digest: digest } = row;
  const isSealed = canonical !== null && size !== null && digest !== null;
  const sealed = isSealed ? { blob: { digest: canonical, size }, digest } : undefined;
  return { id, repository, startedAt: new Date(row.started_at), sealed };
}
