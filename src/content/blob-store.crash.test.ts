import { expect, it } from "bun:test";
import { join } from "node:path";
import { bytesOf, chunks } from "../../test/contracts/content-driver-samples.ts";
import { eventually } from "../../test/support/eventually.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { PATTERN } from "../../test/support/upload-process.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { uploadKey } from "./blob-paths.ts";
import { BlobStore } from "./blob-store.ts";
import type { UploadId } from "./content-driver.ts";
import { FilesystemDriver } from "./filesystem-driver.ts";

const SCRIPT = join(import.meta.dir, "../../test/support/upload-process.ts");

/** Runs a writer, kills it once it has printed `lines` lines, and returns them. */
async function killedWriter(
  root: string,
  mode: "publish" | "append",
  lines: number,
): Promise<readonly string[]> {
  const writer = Bun.spawn([process.execPath, SCRIPT, root, mode], { stdout: "pipe", stderr: "inherit" });
  const printed: string[] = [];
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of writer.stdout) {
    text += decoder.decode(chunk, { stream: true });
    printed.push(...text.split("\n").slice(0, -1));
    text = text.slice(text.lastIndexOf("\n") + 1);
    if (printed.length < lines) continue;
    const upload = join(root, uploadKey(printed[0] as UploadId));
    if (mode === "append") await eventually(() => Bun.file(upload).size > 0);
    writer.kill("SIGKILL");
    break;
  }
  await writer.exited;
  return printed;
}

it("keeps every blob whose commit resolved when the process is killed right after", async () => {
  for (const lines of [1, 2, 5]) {
    await using folder = await temporaryFolder("killed");
    const digests = await killedWriter(folder.path, "publish", lines);
    const store = new BlobStore(await FilesystemDriver.open({ root: folder.path }));
    expect(digests.length).toBeGreaterThanOrEqual(lines);
    for (const digest of digests as Digest[]) {
      expect(digestOf(await bytesOf(await store.open({ digest, size: 300_000 })))).toBe(digest);
    }
  }
});

it("continues an upload whose writer was killed, and publishes exactly its bytes", async () => {
  await using folder = await temporaryFolder("killed");
  const [id] = await killedWriter(folder.path, "append", 1);
  const store = new BlobStore(await FilesystemDriver.open({ root: folder.path }));
  const upload = await store.resume(id as UploadId);
  const size = (await upload?.size()) ?? 0;
  expect(size).toBeGreaterThan(0);
  const content = new Uint8Array(size + 1000);
  for (let offset = 0; offset < content.length; offset += PATTERN.length) {
    content.set(PATTERN.subarray(0, content.length - offset), offset);
  }
  await upload?.append(chunks([content.subarray(size)]), size);
  expect(await upload?.commit({ digest: digestOf(content) })).toEqual({
    digest: digestOf(content),
    size: content.length,
  });
});
