/** One entry of an archive. It is owned by root, and its time is one second after the epoch. Names are bytes. */
export interface UstarEntry {
  /** Path without a leading or trailing slash. */
  readonly path: Uint8Array;
  readonly kind: "file" | "directory" | "link";
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  /** Size of a file's content; absent otherwise. */
  readonly sizeBytes?: number;
  /** Target of a symbolic link; absent otherwise. */
  readonly target?: Uint8Array;
}

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
/** The largest size that eleven octal digits can hold: 8 GiB less one byte. */
const MAX_OCTAL_SIZE = 0o77777777777;
const MODIFIED_AT = 1;
const TYPES = { file: "0", link: "2", directory: "5", pax: "x" } as const;
const SLASH = 0x2f;
const NO_BYTES = new Uint8Array();

/** The end of an archive: two blocks of zeros (POSIX pax, "ustar Interchange Format"). */
export const USTAR_END: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);

/** The fields of one header block. */
interface HeaderFields {
  readonly name: Uint8Array;
  readonly prefix: Uint8Array;
  readonly mode: number;
  readonly size: number;
  readonly type: string;
  readonly target: Uint8Array;
}

/**
 * The header of an entry: a ustar block, preceded by a pax header for values that do not fit into it (POSIX pax, "pax
 * Interchange Format"). The content follows it, then zeros up to a whole block.
 *
 * Names are written unchanged, even if they are not UTF-8. Every reader that we know accepts that.
 */
export function ustarHeader(entry: UstarEntry): Uint8Array {
  const path = entry.kind === "directory" ? Buffer.concat([entry.path, Buffer.from("/")]) : entry.path;
  const { target = NO_BYTES, sizeBytes = 0 } = entry;
  const place = splitPath(path);
  const records = [
    ...(target.byteLength > NAME_BYTES ? [paxRecord("linkpath", target)] : []),
    ...(place === undefined ? [paxRecord("path", path)] : []),
    ...(sizeBytes > MAX_OCTAL_SIZE ? [paxRecord("size", Buffer.from(`${sizeBytes}`))] : []),
  ];
  const block = headerBlock({
    name: place?.name ?? path.subarray(0, NAME_BYTES),
    prefix: place?.prefix ?? NO_BYTES,
    mode: entry.mode,
    size: sizeBytes > MAX_OCTAL_SIZE ? 0 : sizeBytes,
    type: TYPES[entry.kind],
    target: target.subarray(0, NAME_BYTES),
  });
  return records.length === 0 ? block : Buffer.concat([paxHeader(Buffer.concat(records)), block]);
}

/** The number of zeros after a content of `sizeBytes`. */
export function ustarPadding(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

/**
 * Splits a path at a slash so that it fits into the header's two fields, which readers join again; `undefined` if that
 * is impossible.
 */
function splitPath(path: Uint8Array): Pick<HeaderFields, "name" | "prefix"> | undefined {
  if (path.byteLength <= NAME_BYTES) return { name: path, prefix: NO_BYTES };
  const slash = path.indexOf(SLASH, path.byteLength - NAME_BYTES - 1);
  if (slash <= 0 || slash > PREFIX_BYTES || slash === path.byteLength - 1) return undefined;
  return { name: path.subarray(slash + 1), prefix: path.subarray(0, slash) };
}

function headerBlock({ name, prefix, mode, size, type, target }: HeaderFields): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.set(name, 0);
  writeOctal(block, 100, 8, mode);
  writeOctal(block, 108, 8, 0);
  writeOctal(block, 116, 8, 0);
  writeOctal(block, 124, 12, size);
  writeOctal(block, 136, 12, MODIFIED_AT);
  // The checksum counts its own field as spaces.
  block.write(" ".repeat(8), 148);
  block.write(type, 156);
  block.set(target, 157);
  block.write("ustar\x0000", 257);
  writeOctal(block, 329, 8, 0);
  writeOctal(block, 337, 8, 0);
  block.set(prefix, 345);
  writeOctal(
    block,
    148,
    7,
    block.reduce((sum, byte) => sum + byte, 0),
  );
  return block;
}

/** Writes a number as octal digits with a zero byte after them. */
function writeOctal(block: Buffer, offset: number, fieldBytes: number, value: number): void {
  block.write(`${value.toString(8).padStart(fieldBytes - 1, "0")}\0`, offset);
}

/** The extended header with these records, which apply to the next entry. */
function paxHeader(records: Uint8Array): Buffer {
  const block = headerBlock({
    name: Buffer.from("PaxHeader"),
    prefix: NO_BYTES,
    mode: 0o644,
    size: records.byteLength,
    type: TYPES.pax,
    target: NO_BYTES,
  });
  return Buffer.concat([block, records, Buffer.alloc(ustarPadding(records.byteLength))]);
}

/** `LENGTH KEYWORD=VALUE` and a line end. The length includes its own digits. */
function paxRecord(keyword: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${keyword}=`), value, Buffer.from("\n")]);
  let length = rest.byteLength + 1;
  while (`${length}`.length + rest.byteLength !== length) length += 1;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}
