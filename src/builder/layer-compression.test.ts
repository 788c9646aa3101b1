import { afterAll, describe, expect, it } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import type { ByteSource } from "../bytes/byte-source.ts";
import { digestOf } from "../oci/digest.ts";
import { ArchiveSpool, SpoolRoom } from "./archive-spool.ts";
import { GzipThreads } from "./gzip-threads.ts";
import { compressBlocks, decompressArchive, spoolArchive } from "./layer-compression.ts";

async function* chunksOf(bytes: Uint8Array, size: number): ByteSource {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

const gzip = new GzipThreads(2);
const folder = await temporaryFolder("spool");
const room = new SpoolRoom({ folder: folder.path, maxBytes: 2 << 20 });
afterAll(async () => {
  gzip[Symbol.dispose]();
  await folder[Symbol.asyncDispose]();
});

async function compressed(source: ByteSource) {
  await using spool = new ArchiveSpool(room);
  const [diffId, chunks] = await Promise.all([
    spoolArchive(source, spool),
    Array.fromAsync(compressBlocks(spool.blocks(), gzip)),
  ]);
  return { bytes: Buffer.concat(chunks), diffId };
}

describe("layer compression", () => {
  it("gives back the archive, tells its digest, and does not depend on how the bytes came", async () => {
    const content = fc
      .uint8Array({ maxLength: 12_000 })
      .map((bytes) => Buffer.concat(Array(200).fill(bytes)));
    await fc.assert(
      fc.asyncProperty(content, fc.integer({ min: 400, max: 400_000 }), async (bytes, size) => {
        const one = await compressed(chunksOf(bytes, size));
        const other = await compressed(chunksOf(bytes, 1 << 20));
        expect(one.bytes.equals(other.bytes)).toBe(true);
        expect(one.diffId).toBe(digestOf(bytes));
        expect(gunzipSync(one.bytes).equals(bytes)).toBe(true);
        const again = decompressArchive(Promise.resolve(chunksOf(one.bytes, size)), one.diffId);
        expect(Buffer.concat(await Array.fromAsync(again)).equals(bytes)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it("is not undone if the bytes are damaged, cut short, or those of another layer", async () => {
    const { bytes, diffId } = await compressed(chunksOf(Buffer.alloc(3 << 20, "some text, "), 1 << 20));
    const flipped = Buffer.from(bytes);
    flipped[flipped.byteLength >> 1] = (flipped[flipped.byteLength >> 1] ?? 0) ^ 1;
    for (const [source, digest] of [
      [flipped, diffId],
      [bytes.subarray(0, -9), diffId],
      [new Uint8Array(0), diffId],
      [bytes, digestOf("another")],
    ] as const) {
      const read = Array.fromAsync(decompressArchive(Promise.resolve(chunksOf(source, 50_000)), digest));
      await expect(read).rejects.toThrow();
    }
  });

  it("is read by gzip itself, from nothing to several blocks", async () => {
    await using folder = await temporaryFolder("gzip");
    for (const size of [0, 1, 1 << 20, (3 << 20) + 1]) {
      const bytes = Buffer.alloc(size, "some text, ");
      const file = join(folder.path, `${size}.gz`);
      await writeFile(file, (await compressed(chunksOf(bytes, 70_000))).bytes);
      const { stdout, exitCode } = Bun.spawnSync(["gzip", "--decompress", "--stdout", file]);
      expect([size, exitCode, stdout.equals(bytes)]).toEqual([size, 0, true]);
    }
  });

  it("contains no timestamp", async () => {
    const { bytes } = await compressed(chunksOf(Buffer.from("content"), 3));
    expect([...bytes.subarray(0, 8)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
  });

  it("fails when the archive does", async () => {
    async function* broken(): ByteSource {
      yield Buffer.alloc(1 << 20);
      throw new Error("the archive broke");
    }
    await expect(compressed(broken())).rejects.toThrow("the archive broke");
  });
});
