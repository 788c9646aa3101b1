import { epochSeconds, type Rewrite, viewOf } from "./rewrite.ts";

const MAGIC_OFFSET = 12;
const PAGE_SIZE_OFFSET = 20;
const ID_OFFSET = 52;
const ID_BYTES = 20;
/** Of hash tables and B-trees. */
const MAGICS: ReadonlySet<number> = new Set([0x061561, 0x053162]);
const MIN_PAGE_BYTES = 512;
const MAX_PAGE_BYTES = 65_536;

/** Postfix and NIS keep the time of a map beside this key; in a page of a hash table, values lie before their keys. */
const MODIFIED_KEY = "\x01YP_LAST_MODIFIED";
const TIME_DIGITS = 10;

/**
 * A Berkeley DB file without its random id, and with the image's time as the time of the map in it.
 *
 * The id stands on each page that describes a database.
 */
export const rewriteBerkeleyDatabase: Rewrite = (_path, bytes, { createdAt }) => {
  const pageBytes = pageSize(bytes);
  if (pageBytes === undefined) return "unchanged";
  const rewritten = Buffer.from(bytes);
  setMapTime(rewritten, String(epochSeconds(createdAt)).padStart(TIME_DIGITS, "0"));
  const id = bytes.slice(ID_OFFSET, ID_OFFSET + ID_BYTES);
  for (let page = 0; page + ID_OFFSET + ID_BYTES <= bytes.length; page += pageBytes) {
    const found = rewritten.subarray(page + ID_OFFSET, page + ID_OFFSET + ID_BYTES);
    if (found.equals(id)) found.fill(0);
  }
  return rewritten;
};

function setMapTime(bytes: Buffer, seconds: string): void {
  for (let key = bytes.indexOf(MODIFIED_KEY); key >= 0; key = bytes.indexOf(MODIFIED_KEY, key + 1)) {
    // The value may end with a zero byte.
    const end = bytes[key - 1] === 0 ? key - 1 : key;
    const start = end - TIME_DIGITS;
    if (start >= 0 && /^[0-9]+$/.test(bytes.toString("latin1", start, end))) {
      bytes.write(seconds, start, "latin1");
    }
  }
}

/** In bytes; `undefined` if this is no Berkeley DB file. The file has the byte order of the machine that made it. */
function pageSize(bytes: Uint8Array): number | undefined {
  if (bytes.length < ID_OFFSET + ID_BYTES) return undefined;
  const view = viewOf(bytes);
  const isLittleEndian = [true, false].find((order) => MAGICS.has(view.getUint32(MAGIC_OFFSET, order)));
  if (isLittleEndian === undefined) return undefined;
  const size = view.getUint32(PAGE_SIZE_OFFSET, isLittleEndian);
  return size >= MIN_PAGE_BYTES && size <= MAX_PAGE_BYTES ? size : undefined;
}
