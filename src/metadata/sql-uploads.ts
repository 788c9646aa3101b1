import type { UploadId } from "../content/content-driver.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { UploadLedger, UploadRecord } from "./metadata-store.ts";
import type { SqlEngine } from "./sql-engine.ts";

interface UploadRow {
  readonly id: UploadId;
  readonly repository: RepositoryName;
  readonly started_at: number;
}

/** Upload sessions as rows. They outlive the process at once, a power cut only by chance: a client begins anew. */
export function sqlUploads(engine: SqlEngine): UploadLedger {
  return {
    addUpload: (upload) => addUpload(engine, upload),
    findUpload: (repository, id) => findUpload(engine, repository, id),
    removeUpload: (id) => removeUpload(engine, id),
    listStaleUploads: (startedBefore, limit) => listStaleUploads(engine, startedBefore, limit),
  };
}

async function addUpload(engine: SqlEngine, upload: UploadRecord): Promise<void> {
  await engine.transaction(
    (session) =>
      session.query("INSERT INTO uploads (id, repository, started_at) VALUES ($1, $2, $3)", [
        upload.id,
        upload.repository,
        upload.startedAt.getTime(),
      ]),
    { durable: false },
  );
}

async function findUpload(
  engine: SqlEngine,
  repository: RepositoryName,
  id: UploadId,
): Promise<UploadRecord | undefined> {
  const [row] = await engine.query<UploadRow>(
    "SELECT id, repository, started_at FROM uploads WHERE id = $1 AND repository = $2",
    [id, repository],
  );
  return row && uploadRecord(row);
}

async function removeUpload(engine: SqlEngine, id: UploadId): Promise<void> {
  await engine.transaction((session) => session.query("DELETE FROM uploads WHERE id = $1", [id]), {
    durable: false,
  });
}

async function listStaleUploads(
  engine: SqlEngine,
  startedBefore: Date,
  limit: number,
): Promise<readonly UploadRecord[]> {
  const rows = await engine.query<UploadRow>(
    `SELECT id, repository, started_at FROM uploads
     WHERE started_at < $1 ORDER BY started_at, id LIMIT $2`,
    [startedBefore.getTime(), limit],
  );
  return rows.map(uploadRecord);
}

function uploadRecord(row: UploadRow): UploadRecord {
  return { id: row.id, repository: row.repository, startedAt: new Date(row.started_at) };
}
