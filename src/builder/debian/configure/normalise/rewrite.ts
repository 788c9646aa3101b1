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

/** What is asked about the content of a file, which may be any bytes. */
export type Condition = (bytes: Uint8Array, context: NormaliseContext) => boolean;

/** A text above this size stays as it is: no script makes one, and a hostile one would keep the server busy. */
const MAX_TEXT_BYTES = 4 << 20;

/** The rewrite of a text in any encoding: `change` gets a character for each byte, and gives the new text. */
export function textRewrite(change: (text: string, context: NormaliseContext) => string): Rewrite {
  return (_path, bytes, context) => {
    if (bytes.byteLength > MAX_TEXT_BYTES) return "unchanged";
    const text = Buffer.from(bytes).toString("latin1");
    const changed = change(text, context);
    return changed === text ? "unchanged" : Buffer.from(changed, "latin1");
  };
}

/** A view for reading and writing numbers in `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Seconds from the epoch to a time, never negative. */
export function epochSeconds(time: Date): number {
  return Math.max(0, Math.floor(time.getTime() / 1000));
}
