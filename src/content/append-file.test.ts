import { describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { AppendFile, DirectWrites } from "./append-file.ts";

const MIB = 1 << 20;

/** Writes the pieces one after the other; gives what the file then holds, and the bytes that went through the cache. */
async function written(pieces: readonly Uint8Array[], directWrites: DirectWrites) {
  await using folder = await temporaryFolder("append-file");
  const path = join(folder.path, "data");
  await writeFile(path, "");
  await using file = await AppendFile.open(path, directWrites);
  let position = 0;
  for (const piece of pieces) {
    for (let done = 0; done < piece.byteLength; ) {
      const count = await file.write(piece.subarray(done), position);
      done += count;
      position += count;
    }
  }
  return { bytes: await readFile(path), cachedBytes: file.cachedBytes };
}

describe("AppendFile", () => {
  const large = () => {
    const bytes = Buffer.allocUnsafeSlow(2 * MIB);
    bytes.set(randomBytes(bytes.byteLength));
    return bytes;
  };

  it("writes whole blocks past the cache and the rest through it, in place", async () => {
    const pieces = [large(), large(), randomBytes(5000), large()];
    const directWrites = new DirectWrites(true);
    const { bytes, cachedBytes } = await written(pieces, directWrites);
    expect(bytes.equals(Buffer.concat(pieces))).toBe(true);
    // Where the temporary folder's file system cannot write directly, everything went through the cache.
    expect(cachedBytes).toBe(directWrites.possible ? 5000 + 2 * MIB : 6 * MIB + 5000);
  });

  it("goes through the cache from then on when the system refuses a direct write", async () => {
    const memory = Buffer.allocUnsafeSlow(MIB + 1);
    memory.set(randomBytes(memory.byteLength));
    const odd = memory.subarray(1);
    const directWrites = new DirectWrites(true);
    const { bytes } = await written([odd], directWrites);
    expect(bytes.equals(odd)).toBe(true);
    expect(directWrites.possible).toBe(false);
  });

  it("goes through the cache alone when told so", async () => {
    const piece = large();
    const { bytes, cachedBytes } = await written([piece], new DirectWrites(false));
    expect(bytes.equals(piece)).toBe(true);
    expect(cachedBytes).toBe(piece.byteLength);
  });
});
