import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Checks } from "../../support/checks.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { figure } from "../figures.ts";
import { peakMemoryBytes } from "../peak-memory.ts";

const MIB = 1 << 20;
const BLOB_BYTES = 1024 * MIB;

/** Maximum resident memory of a server that only receives and sends one blob of 1 GiB. */
const MAX_MEMORY_BYTES = 200 * MIB;

/** Pushes a blob of 1 GiB and pulls it again. The server's memory must not grow with the blob. */
export async function measureLargeBlob(checks: Checks): Promise<void> {
  await using folder = await temporaryFolder("large-blob");
  await using server = await startServerProcess(join(folder.path, "data"), {
    SLIPWAY_BUILDER_ENABLED: "false",
  });
  const file = join(folder.path, "blob");
  const digest = await writeRandomFile(file);
  const pushed = await fetch(`${server.url}/v2/large/blob/blobs/uploads/?digest=${digest}`, {
    method: "POST",
    body: Bun.file(file),
  });
  checks.check(pushed.status === 201, () => `the push was answered ${pushed.status}`);
  const pulled = createHash("sha256");
  const { body } = await fetch(`${server.url}/v2/large/blob/blobs/${digest}`);
  if (body !== null) for await (const chunk of body) pulled.update(chunk);
  checks.check(`sha256:${pulled.digest("hex")}` === digest, () => "what was pulled is not what was pushed");
  const peak = peakMemoryBytes(server.pid);
  figure("peak beside a blob of 1 GiB", `${Math.round(peak / MIB)} MiB`);
  checks.check(peak < MAX_MEMORY_BYTES, () => `resident memory reached ${Math.round(peak / MIB)} MiB`);
}

/** Writes `BLOB_BYTES` random bytes; resolves to their digest. */
async function writeRandomFile(path: string): Promise<string> {
  await using file = await open(path, "w");
  const hash = createHash("sha256");
  const chunk = new Uint8Array(MIB);
  for (let written = 0; written < BLOB_BYTES; written += MIB) {
    for (let at = 0; at < MIB; at += 65_536) crypto.getRandomValues(chunk.subarray(at, at + 65_536));
    hash.update(chunk);
    await file.write(chunk);
  }
  return `sha256:${hash.digest("hex")}`;
}
