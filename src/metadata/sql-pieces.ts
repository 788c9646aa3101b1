import { freeBytes } from "../bytes/free-bytes.ts";
import { PIECE_BYTES, PieceBuffer } from "../bytes/piece-buffer.ts";
import { WorkSlices } from "../concurrency/work-slices.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { SqlSession } from "./sql-engine.ts";

/** The kind of value that is stored in pieces. */
export type PiecedPart = "manifest" | "descriptor";

interface PieceRow {
  /** Bytes of all pieces together. */
  readonly total: number;
  readonly bytes: Uint8Array | null;
}

/**
 * Reads a large value in pieces, on demand; yields none if the first piece is absent. The pieces share one buffer: copy
 * a piece to keep it.
 *
 * `sql` takes repository, digest and number of the piece, and returns the columns of {@link PieceRow}.
 *
 * @throws {Error} if the value is deleted or replaced before all of it is read
 */
export async function* readPieces(
  session: SqlSession,
  sql: string,
  repository: RepositoryName,
  digest: Digest,
): AsyncGenerator<Uint8Array> {
  using buffer = new PieceBuffer();
  let [read, total] = [0, 1];
  for (let number = 0; read < total; number += 1) {
    const [row] = await session.query<PieceRow>(sql, [repository, digest, number]);
    const bytes = row?.bytes ?? undefined;
    if (number === 0 && bytes === undefined) return;
    if (row === undefined || bytes === undefined || (number > 0 && row.total !== total)) {
      throw new Error(`${digest} was deleted while it was read`);
    }
    total = row.total;
    const { byteLength } = bytes;
    read += byteLength;
    if (byteLength > PIECE_BYTES) {
      yield bytes;
      continue;
    }
    buffer.bytes.set(bytes);
    freeBytes(bytes);
    yield buffer.bytes.subarray(0, byteLength);
  }
}

const WRITE_PIECE = `INSERT INTO manifest_pieces (manifest_id, part, number, bytes) VALUES ($1, $2, $3, $4)
  ON CONFLICT (manifest_id, part, number) DO UPDATE SET bytes = excluded.bytes
  WHERE manifest_pieces.bytes <> excluded.bytes`;

/** Stores a value in pieces, and lets other requests run in between. Replaces stored pieces that differ. */
export async function writePieces(
  session: SqlSession,
  manifestId: number,
  part: PiecedPart,
  bytes: Uint8Array,
): Promise<void> {
  const slices = new WorkSlices();
  for (let number = 0; number * PIECE_BYTES < bytes.byteLength; number += 1) {
    const piece = bytes.subarray(number * PIECE_BYTES, (number + 1) * PIECE_BYTES);
    await session.query(WRITE_PIECE, [manifestId, part, number, piece]);
    await slices.pause();
  }
}

/** Removes a value that was stored in pieces, if there is one. */
export async function deletePieces(session: SqlSession, manifestId: number, part: PiecedPart): Promise<void> {
  await session.query("DELETE FROM manifest_pieces WHERE manifest_id = $1 AND part = $2", [manifestId, part]);
}
