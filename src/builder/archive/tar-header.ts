/** What an entry of an archive is. */
export type EntryType =
  | "file"
  | "directory"
  | "symlink"
  | "link"
  | "character-device"
  | "block-device"
  | "fifo";

/** One entry of an archive, without its content. Names are bytes. */
export interface TarEntryHead {
  /** Path without a leading or trailing slash. */
  readonly path: Uint8Array;
  readonly type: EntryType;
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  /** Whole seconds since the epoch, at least 0. */
  readonly modifiedAtSeconds: number;
  /** Size of a file's content; absent otherwise. */
  readonly sizeBytes?: number;
  /** The target of a symbolic link, or the path in the archive of a hard link; absent otherwise. */
  readonly linkTarget?: Uint8Array | undefined;
  /** Number of a device. */
  readonly device?: { readonly major: number; readonly minor: number } | undefined;
  /** The extended attribute `security.capability`. */
  readonly capability?: Uint8Array | undefined;
  /** Further records of the pax header. */
  readonly records?: readonly (readonly [keyword: string, value: Uint8Array])[];
}

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
/** The largest size that eleven octal digits can hold: 8 GiB less one byte. */
const MAX_OCTAL_SIZE = 0o77777777777;
/** The largest number that seven octal digits can hold. */
const MAX_OCTAL_ID = 0o7777777;
/** The type bytes of headers. */
export const TYPE_BYTES: Readonly<Record<EntryType, string>> = {
  file: "0",
  link: "1",
  symlink: "2",
  "character-device": "3",
  "block-device": "4",
  directory: "5",
  fifo: "6",
};
const PAX_TYPE = "x";
const SLASH = 0x2f;
const SPACE = 0x20;
/** Where a header has its checksum. */
export const CHECKSUM_OFFSET = 148;
const CHECKSUM_BYTES = 8;
/** The time of extended headers, which readers ignore. */
const PAX_MODIFIED_AT = 1;
const NO_BYTES = new Uint8Array();

/** The end of an archive: two blocks of zeros (POSIX pax, "ustar Interchange Format"). */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);

/** The fields of one header block. */
interface HeaderFields
  extends Pick<TarEntryHead, "mode" | "userId" | "groupId" | "modifiedAtSeconds" | "device"> {
  readonly name: Uint8Array;
  readonly prefix: Uint8Array;
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
export function tarHeader(entry: TarEntryHead): Uint8Array {
  const path = entry.type === "directory" ? Buffer.concat([entry.path, Buffer.from("/")]) : entry.path;
  const { linkTarget: target = NO_BYTES, sizeBytes = 0, userId, groupId, capability } = entry;
  const place = splitPath(path);
  const records = [
    ...(target.byteLength > NAME_BYTES ? [paxRecord("linkpath", target)] : []),
    ...(place === undefined ? [paxRecord("path", path)] : []),
    ...(sizeBytes > MAX_OCTAL_SIZE ? [paxRecord("size", Buffer.from(`${sizeBytes}`))] : []),
    ...(userId > MAX_OCTAL_ID ? [paxRecord("uid", Buffer.from(`${userId}`))] : []),
    ...(groupId > MAX_OCTAL_ID ? [paxRecord("gid", Buffer.from(`${groupId}`))] : []),
    ...(capability === undefined ? [] : [paxRecord("SCHILY.xattr.security.capability", capability)]),
    ...(entry.records ?? []).map(([keyword, value]) => paxRecord(keyword, value)),
  ];
  const block = headerBlock({
    ...entry,
    userId: userId > MAX_OCTAL_ID ? 0 : userId,
    groupId: groupId > MAX_OCTAL_ID ? 0 : groupId,
    name: place?.name ?? path.subarray(0, NAME_BYTES),
    prefix: place?.prefix ?? NO_BYTES,
    size: sizeBytes > MAX_OCTAL_SIZE ? 0 : sizeBytes,
    type: TYPE_BYTES[entry.type],
    target: target.subarray(0, NAME_BYTES),
  });
  return records.length === 0 ? block : Buffer.concat([paxHeader(Buffer.concat(records)), block]);
}

/** The number of zeros after a content of `sizeBytes`. */
export function tarPadding(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

/** The checksum of a header block, which counts its own field as spaces (POSIX pax, "ustar Interchange Format"). */
export function headerChecksum(block: Uint8Array): number {
  let sum = CHECKSUM_BYTES * SPACE;
  // A loop, because reduce() takes twenty times as long, and archives have tens of thousands of headers.
  for (let at = 0; at < CHECKSUM_OFFSET; at += 1) sum += block[at] as number;
  for (let at = CHECKSUM_OFFSET + CHECKSUM_BYTES; at < BLOCK_BYTES; at += 1) sum += block[at] as number;
  return sum;
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

function headerBlock(fields: HeaderFields): Buffer {
  const { name, prefix, mode, size, type, target, device } = fields;
  const block = Buffer.alloc(BLOCK_BYTES);
  block.set(name, 0);
  writeOctal(block, 100, 8, mode);
  writeOctal(block, 108, 8, fields.userId);
  writeOctal(block, 116, 8, fields.groupId);
  writeOctal(block, 124, 12, size);
  writeOctal(block, 136, 12, fields.modifiedAtSeconds);
  block.write(type, 156);
  block.set(target, 157);
  block.write("ustar\x0000", 257);
  writeOctal(block, 329, 8, device?.major ?? 0);
  writeOctal(block, 337, 8, device?.minor ?? 0);
  block.set(prefix, 345);
  writeOctal(block, CHECKSUM_OFFSET, 7, headerChecksum(block));
  block[CHECKSUM_OFFSET + 7] = SPACE;
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
    userId: 0,
    groupId: 0,
    modifiedAtSeconds: PAX_MODIFIED_AT,
    size: records.byteLength,
    type: PAX_TYPE,
    target: NO_BYTES,
  });
  return Buffer.concat([block, records, Buffer.alloc(tarPadding(records.byteLength))]);
}

/** `LENGTH KEYWORD=VALUE` and a line end. The length includes its own digits. */
function paxRecord(keyword: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${keyword}=`), value, Buffer.from("\n")]);
  let length = rest.byteLength + 1;
  while (`${length}`.length + rest.byteLength !== length) length += 1;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}
