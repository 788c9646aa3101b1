import { describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { AppendFile, DirectWrites } from "./append-file.ts";

const MIB = 1 << 20;

/** Writes the pieces in order; returns the file's content, and the number of bytes that went through the cache. */
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

  /** Opens files whose direct writes are those of `write`, or ordinary ones. */
  const opener = (write?: () => never) => async (path: string) => {
    const handle = await open(path, "r+");
    return write === undefined ? handle : { write, close: () => handle.close() };
  };
  const failure = (code: string) => Object.assign(new Error(code), { code });

  it("writes whole blocks past the cache and the rest through it, in place", async () => {
    const pieces = [large(), large(), randomBytes(5000), large()];
    const { bytes, cachedBytes } = await written(pieces, new DirectWrites(true, opener()));
    expect(bytes.equals(Buffer.concat(pieces))).toBe(true);
    expect(cachedBytes).toBe(5000 + 2 * MIB);
  });

  it("writes the same on this system, whether its files can be written directly or not", async () => {
    const pieces = [large(), large(), randomBytes(5000), large()];
    const { bytes } = await written(pieces, new DirectWrites(true));
    expect(bytes.equals(Buffer.concat(pieces))).toBe(true);
  });

  const refuse = () => {
    throw failure("EINVAL");
  };
  it.each([
    ["to open a file for direct writes", async () => refuse()],
    ["a direct write", opener(refuse)],
  ])("writes through the cache from then on if the system refuses %s", async (_, openFile) => {
    const pieces = [large(), large()];
    const directWrites = new DirectWrites(true, openFile);
    const { bytes, cachedBytes } = await written(pieces, directWrites);
    expect(bytes.equals(Buffer.concat(pieces))).toBe(true);
    expect(cachedBytes).toBe(4 * MIB);
    expect(directWrites.isPossible).toBe(false);
  });

  it("fails, and keeps writing directly, when the disk is full", async () => {
    const full = failure("ENOSPC");
    const directWrites = new DirectWrites(
      true,
      opener(() => {
        throw full;
      }),
    );
    await expect(written([large()], directWrites)).rejects.toBe(full);
    expect(directWrites.isPossible).toBe(true);
  });

  it("writes only through the cache if configured", async () => {
    const piece = large();
    const { bytes, cachedBytes } = await written([piece], new DirectWrites(false));
    expect(bytes.equals(piece)).toBe(true);
    expect(cachedBytes).toBe(piece.byteLength);
  });
});
