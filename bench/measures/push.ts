import { closeSync, fdatasyncSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type BlobFile, MIB, REPOSITORY } from "../content.ts";
import { pushBlob } from "../registry-client.ts";
import type { Samples } from "../samples.ts";
import type { BenchServer } from "../servers/bench-server.ts";

/** Seconds to push a large blob, or for the work that every durable, verified push needs. */
export const PUSH = "large blob push, s";
export const SHA256_ALONE = "SHA-256 alone";
export const DURABLE_WRITE_ALONE = "durable write alone";

/** Pushes a blob that the server has not seen. */
export async function measurePush(server: BenchServer, blob: BlobFile, samples: Samples): Promise<void> {
  samples.add(PUSH, server.name, await pushBlob(server.origin, REPOSITORY, blob.digest, blob.path));
}

/** Measures hashing the blob's bytes in memory, and writing them to a file beside the servers' data and syncing it. */
export async function measurePushBaselines(blob: BlobFile, folder: string, samples: Samples): Promise<void> {
  const bytes = await Bun.file(blob.path).bytes();
  samples.add(
    PUSH,
    SHA256_ALONE,
    secondsOf(() => void new Bun.CryptoHasher("sha256").update(bytes).digest()),
  );
  const path = join(folder, "durable-write");
  samples.add(
    PUSH,
    DURABLE_WRITE_ALONE,
    secondsOf(() => writeDurably(path, bytes)),
  );
  unlinkSync(path);
}

function writeDurably(path: string, bytes: Uint8Array): void {
  const file = openSync(path, "wx");
  for (let offset = 0; offset < bytes.byteLength; offset += MIB) {
    const chunk = bytes.subarray(offset, offset + MIB);
    const written = writeSync(file, chunk);
    if (written !== chunk.byteLength) throw new Error(`${path}: short write`);
  }
  fdatasyncSync(file);
  closeSync(file);
}

function secondsOf(work: () => void): number {
  const started = performance.now();
  work();
  return (performance.now() - started) / 1000;
}
