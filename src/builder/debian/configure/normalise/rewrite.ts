/** What the image says about a file's surroundings. */
export interface NormaliseContext {
  /** The image's time: that of the newest file in its packages. */
  readonly createdAt: Date;
  /** The time that the image's layers give a folder (path without a leading slash); `undefined` if none has it. */
  readonly folderModifiedAt: (path: string) => Date | undefined;
}

/**
 * The content that a file gets in place of what the scripts left: a new array, or `unchanged`. Takes any bytes; a file that
 * is not of the expected format stays as it is.
 */
export type Rewrite = (
  path: string,
  bytes: Uint8Array,
  context: NormaliseContext,
) => Uint8Array | "unchanged";

/** A view for reading and writing numbers in `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Seconds from the epoch to a time, never negative. */
export function epochSeconds(time: Date): number {
  return Math.max(0, Math.floor(time.getTime() / 1000));
}
