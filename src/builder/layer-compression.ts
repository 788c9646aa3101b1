import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { ByteSource } from "../bytes/byte-source.ts";
import type { Digest } from "../oci/digest.ts";
import type { ArchiveSpool } from "./archive-spool.ts";
import { BLOCK_BYTES, GZIP } from "./gzip-settings.ts";
import type { GzipThreads } from "./gzip-threads.ts";

/** Blocks of one archive to compress at the same time, so that two layers keep all threads busy. */
const BLOCKS_AHEAD = 2;

/**
 * Identifies everything besides the archive that a compressed layer's bytes depend on.
 *
 * The compressor is Bun's; its output may depend on its version and on the processor.
 */
export const COMPRESSOR_IDENTITY = `gzip ${GZIP.library}-${GZIP.level} blocks-${BLOCK_BYTES} bun-${Bun.version} ${process.arch}`;

/**
 * Reads an archive to its end and passes its blocks to `spool`. If that fails, the caller breaks the spool.
 *
 * @returns the digest of the archive (image-spec config.md, "Layer DiffID")
 */
export async function spoolArchive(archive: ByteSource, spool: ArchiveSpool): Promise<Digest> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const block of inBlocks(archive)) {
    hash.update(block);
    await spool.put(block);
  }
  spool.end();
  return `sha256:${hash.digest("hex")}` as Digest;
}

/** Compresses the blocks of an archive outside the main thread, as gzip members without a time and a name. */
export async function* compressBlocks(
  blocks: ByteSource,
  gzip: Pick<GzipThreads, "compress">,
): AsyncGenerator<Uint8Array> {
  const running: Promise<Uint8Array>[] = [];
  for await (const block of blocks) {
    running.push(started(gzip.compress(block)));
    if (running.length > BLOCKS_AHEAD) yield await (running.shift() as Promise<Uint8Array>);
  }
  for (const member of running) yield await member;
}

/**
 * The archive that {@link compressBlocks} compressed. Fails at its end unless it has the digest `diffId`.
 *
 * Decompresses outside the main thread.
 */
export async function* decompressArchive(
  compressed: Promise<ByteSource>,
  diffId: Digest,
): AsyncGenerator<Uint8Array> {
  const hash = new Bun.CryptoHasher("sha256");
  const gunzip = createGunzip();
  const fed = pipeline(await compressed, gunzip);
  fed.catch(() => {});
  try {
    for await (const chunk of gunzip) {
      hash.update(chunk as Uint8Array);
      yield chunk as Uint8Array;
    }
    await fed;
  } finally {
    gunzip.destroy();
  }
  if (`sha256:${hash.digest("hex")}` !== diffId) throw new Error(`the layer ${diffId} is damaged`);
}

/** The same promise, whose rejection is never unhandled: if the archive breaks, nothing awaits it any more. */
function started(member: Promise<Uint8Array>): Promise<Uint8Array> {
  member.catch(() => {});
  return member;
}

/** Regroups bytes into blocks of one size, at least one block. A block is valid until the next one is requested. */
async function* inBlocks(source: ByteSource): AsyncGenerator<Uint8Array> {
  const block = new Uint8Array(BLOCK_BYTES);
  let filled = 0;
  let isAny = false;
  for await (const chunk of source) {
    for (let taken = 0; taken < chunk.byteLength; ) {
      const part = chunk.subarray(taken, taken + BLOCK_BYTES - filled);
      block.set(part, filled);
      filled += part.byteLength;
      taken += part.byteLength;
      if (filled < BLOCK_BYTES) continue;
      yield block;
      isAny = true;
      filled = 0;
    }
  }
  if (filled > 0 || !isAny) yield block.subarray(0, filled);
}
