import { createHash } from "node:crypto";
import type { Digest } from "../../../src/oci/digest.ts";
import type { Random } from "../../support/random.ts";

const BLOCK_BYTES = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

/** A blob of any size that takes the memory of one block: it repeats the block, with its own number in front. */
export class SampleContent {
  readonly sizeBytes: number;
  readonly digest: Digest;
  readonly #block: Uint8Array;

  /** `block` can be shared; `number` makes contents of the same block different. */
  constructor(block: Uint8Array, sizeBytes: number, number: number) {
    this.sizeBytes = sizeBytes;
    this.#block = block;
    this.#number = Buffer.from(`${number}\n`.padStart(16));
    const hash = createHash("sha256");
    for (const piece of this.pieces()) hash.update(piece);
    this.digest = `sha256:${hash.digest("hex")}` as Digest;
  }

  readonly #number: Uint8Array;

  /** All of it, in pieces that must not be changed. */
  *pieces(): Generator<Uint8Array> {
    yield this.#number;
    for (let at = this.#number.byteLength; at < this.sizeBytes; ) {
      const offset = at % BLOCK_BYTES;
      const length = Math.min(PIECE_BYTES, BLOCK_BYTES - offset, this.sizeBytes - at);
      yield this.#block.subarray(offset, offset + length);
      at += length;
    }
  }
}

/** Bytes for {@link SampleContent}, random and of a fixed size. */
export function sampleBlock(random: Random): Uint8Array {
  return random.bytes(BLOCK_BYTES);
}
