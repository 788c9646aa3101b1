/** Size in bytes of one piece of content that is read for many, possibly slow, clients. */
export const PIECE_BYTES = 64 * 1024;

/** Maximum spare buffers to keep. New buffers each time would pile up until the next garbage collection. */
const MAX_SPARE = 64;

const spare: Uint8Array<ArrayBuffer>[] = [];

/** A buffer of {@link PIECE_BYTES} bytes. Dispose of it so that it can be reused. */
export class PieceBuffer implements Disposable {
  readonly bytes = spare.pop() ?? new Uint8Array(PIECE_BYTES);

  [Symbol.dispose](): void {
    if (spare.length < MAX_SPARE) spare.push(this.bytes);
  }
}
