/** Bytes of one piece where content is read for clients that may be slow, and many. */
export const PIECE_BYTES = 64 * 1024;

/** Spare buffers that are kept: fresh ones would pile up until the engine collects them. */
const MAX_SPARE = 64;

const spare: Uint8Array<ArrayBuffer>[] = [];

/** A buffer of {@link PIECE_BYTES}. Dispose of it to let others use it. */
export class PieceBuffer implements Disposable {
  readonly bytes = spare.pop() ?? new Uint8Array(PIECE_BYTES);

  [Symbol.dispose](): void {
    if (spare.length < MAX_SPARE) spare.push(this.bytes);
  }
}
