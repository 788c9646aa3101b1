import { createHash } from "node:crypto";
import { type Rewrite, viewOf } from "./rewrite.ts";

const MAGIC = 0xfeedfeed;
const VERSION = 2;
const TRUSTED_CERTIFICATE = 2;
const HEADER_BYTES = 12;
const DIGEST_BYTES = 20;
/** The password of every keystore of public certificates in Debian. */
const PASSWORD = "changeit";
const WHITENER = "Mighty Aphrodite";

/**
 * A Java keystore (JKS) of certificates with the image's time as the time of each entry, and its digest made anew.
 *
 * Stays unchanged if it is another kind of keystore, has a private key, or has another password than Debian's: its
 * digest could not be made.
 */
export const rewriteJavaKeystore: Rewrite = (_path, bytes, { createdAt }) => {
  const times = entryTimes(bytes);
  const contentLength = bytes.length - DIGEST_BYTES;
  if (
    times === undefined ||
    !digestOf(bytes.subarray(0, contentLength)).equals(bytes.subarray(contentLength))
  ) {
    return "unchanged";
  }
  const rewritten = bytes.slice();
  const time = BigInt(Math.max(0, createdAt.getTime()));
  for (const offset of times) viewOf(rewritten).setBigUint64(offset, time);
  rewritten.set(digestOf(rewritten.subarray(0, contentLength)), contentLength);
  return rewritten;
};

/** The offsets of the entries' times, in milliseconds; `undefined` if this is no keystore of certificates alone. */
function entryTimes(bytes: Uint8Array): readonly number[] | undefined {
  const end = bytes.length - DIGEST_BYTES;
  if (end < HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0) !== MAGIC || view.getUint32(4) !== VERSION) return undefined;
  const count = view.getUint32(8);
  const times: number[] = [];
  let offset = HEADER_BYTES;
  // Lengths are checked where they are used: each step needs its bytes before `end`.
  const skipText = (): void => {
    offset += offset + 2 <= end ? 2 + view.getUint16(offset) : Number.POSITIVE_INFINITY;
  };
  for (let index = 0; index < count; index += 1) {
    if (offset + 4 > end || view.getUint32(offset) !== TRUSTED_CERTIFICATE) return undefined;
    offset += 4;
    skipText();
    if (offset + 8 > end) return undefined;
    times.push(offset);
    offset += 8;
    skipText();
    if (offset + 4 > end) return undefined;
    offset += 4 + view.getUint32(offset);
    if (offset > end) return undefined;
  }
  return offset === end ? times : undefined;
}

function digestOf(content: Uint8Array): Buffer {
  const password = Buffer.from(PASSWORD, "utf16le").swap16();
  return createHash("sha1").update(password).update(WHITENER).update(content).digest();
}
