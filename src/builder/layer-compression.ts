import { createGzip } from "node:zlib";
import type { ByteSource } from "../bytes/byte-source.ts";
import type { Digest } from "../oci/digest.ts";
import { drained } from "./process/drained.ts";

const LEVEL = 6;
const BLOCK_BYTES = 1 << 18;

/**
 * Identifies everything besides the archive that a compressed layer's bytes depend on.
 *
 * The compressor is Bun's; its output may depend on its version and on the processor.
 */
export const COMPRESSOR_IDENTITY = `gzip-${LEVEL} bun-${Bun.version} ${process.arch}`;

/** An archive on its way to the store: its compressed bytes, and the digest of the uncompressed ones. */
export interface CompressedArchive {
  /** May be iterated once; compressed outside the main thread. */
  readonly bytes: ByteSource;
  /** Digest of the archive, available after `bytes` has ended (image-spec config.md, "Layer DiffID"). */
  diffId(): Digest;
}

/** Hashes and compresses an archive in one pass. The gzip header has no time and no name. */
export function compressArchive(archive: ByteSource): CompressedArchive {
  const hash = new Bun.CryptoHasher("sha256");
  let diffId: Digest | undefined;
  async function* compressed(): AsyncGenerator<Uint8Array> {
    const gzip = createGzip({ level: LEVEL, chunkSize: BLOCK_BYTES });
    const fed = feed(archive, gzip, (block) => hash.update(block));
    fed.catch((cause: unknown) => gzip.destroy(cause instanceof Error ? cause : new Error(String(cause))));
    try {
      for await (const chunk of gzip) yield chunk as Uint8Array;
      await fed;
      diffId = `sha256:${hash.digest("hex")}` as Digest;
    } finally {
      gzip.destroy();
    }
  }
  return {
    bytes: compressed(),
    diffId: () => {
      if (diffId === undefined) throw new Error("the archive has not ended");
      return diffId;
    },
  };
}

async function feed(
  archive: ByteSource,
  gzip: ReturnType<typeof createGzip>,
  tap: (block: Uint8Array) => void,
): Promise<void> {
  for await (const block of inBlocks(archive)) {
    tap(block);
    if (gzip.destroyed) return;
    if (!gzip.write(block)) await drained(gzip);
  }
  gzip.end();
}

/** Regroups bytes into blocks of one size, so that small headers do not cause many tiny calls of the compressor. */
async function* inBlocks(source: ByteSource): AsyncGenerator<Uint8Array> {
  let block = new Uint8Array(BLOCK_BYTES);
  let filled = 0;
  for await (const chunk of source) {
    let taken = 0;
    while (taken < chunk.byteLength) {
      const part = chunk.subarray(taken, taken + BLOCK_BYTES - filled);
      block.set(part, filled);
      filled += part.byteLength;
      taken += part.byteLength;
      if (filled < BLOCK_BYTES) continue;
      yield block;
      // The compressor may still read the block it was given.
      block = new Uint8Array(BLOCK_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
