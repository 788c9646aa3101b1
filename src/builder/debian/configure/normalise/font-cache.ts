import { epochSeconds, type Rewrite, viewOf } from "./rewrite.ts";

const MAGIC = 0xfc02fc04;
const HEADER_BYTES = 64;
const FOLDER_OFFSET = 16;
const SECONDS_OFFSET = 48;
const NANOSECONDS_OFFSET = 56;
const MAX_PATH_BYTES = 4096;

/**
 * A cache of fontconfig with the time that the image gives the described folder: fontconfig compares them.
 *
 * Only the format of 64-bit little-endian machines, which the file's name states.
 */
export const rewriteFontCache: Rewrite = (_path, bytes, { createdAt, folderModifiedAt }) => {
  const folder = describedFolder(bytes);
  if (folder === undefined) return "unchanged";
  const seconds = epochSeconds(folderModifiedAt(folder) ?? createdAt);
  const rewritten = bytes.slice();
  viewOf(rewritten).setInt32(SECONDS_OFFSET, seconds | 0, true);
  viewOf(rewritten).setBigInt64(NANOSECONDS_OFFSET, 0n, true);
  return rewritten;
};

/** Its path without a leading slash; `undefined` if this is no such cache. */
function describedFolder(bytes: Uint8Array): string | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== MAGIC || view.getBigUint64(8, true) !== BigInt(bytes.length)) {
    return undefined;
  }
  const start = Number(view.getBigUint64(FOLDER_OFFSET, true));
  if (start < HEADER_BYTES || start >= bytes.length) return undefined;
  const end = bytes.indexOf(0, start);
  if (end < 0 || end - start > MAX_PATH_BYTES) return undefined;
  return Buffer.from(bytes.subarray(start, end)).toString("latin1").replace(/^\/+/, "");
}
