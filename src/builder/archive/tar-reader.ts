import type { ByteSource } from "../../bytes/byte-source.ts";
import { type TarEntry, UNMODIFIED } from "./tar-entry.ts";
import { CHECKSUM_OFFSET, type EntryType, headerChecksum, TYPE_BYTES, tarPadding } from "./tar-header.ts";

/** Bytes of an archive. */
export interface TarInput {
  /** The next `size` bytes, valid until the next call. Throws if there are fewer. */
  take(size: number): Uint8Array;
}

const BLOCK = 512;
const MAX_HEADER_BYTES = 1 << 20;
const CAPABILITY = "SCHILY.xattr.security.capability";
/** Types by their byte; a file has two older ones as well (POSIX pax, "ustar Interchange Format"). */
const TYPES: ReadonlyMap<string, EntryType> = new Map([
  ...Object.entries(TYPE_BYTES).map(([type, byte]) => [byte, type as EntryType] as const),
  ["\0", "file"],
  ["7", "file"],
]);
/** Headers that change the next entry: PAX records, a global one, GNU's long name and long target. */
const CHANGING = new Set(["x", "g", "L", "K"]);

/**
 * The entries of a tar, in their order; reads ustar, PAX and GNU headers. Before it takes the next entry, the caller
 * takes all content of the last one with {@link contentPieces}.
 *
 * @throws {Error} if the archive is damaged, ends early, or has sparse files
 */
export function* tarEntries(input: TarInput): Generator<TarEntry> {
  for (;;) {
    const decoding = decodeEntry();
    let step = decoding.next();
    while (!step.done) step = decoding.next(input.take(step.value));
    if (step.value === undefined) return;
    yield step.value;
  }
}

/** An entry of an archive that is read as a stream. */
export interface StreamedEntry extends TarEntry {
  /** The content, which has to be read, or left, before the next entry is requested. A chunk is valid until the next one. */
  readonly content: AsyncGenerator<Uint8Array>;
}

/**
 * The entries of a tar that comes as a stream, as {@link tarEntries}. Skips content that was not read.
 *
 * @throws {Error} if the archive is damaged, ends early, or has sparse files
 */
export async function* streamedEntries(archive: ByteSource): AsyncGenerator<StreamedEntry> {
  await using input = new StreamInput(archive);
  for (;;) {
    const decoding = decodeEntry();
    let step = decoding.next();
    while (!step.done) step = decoding.next(await input.take(step.value));
    const entry = step.value;
    if (entry === undefined) return await input.drain();
    let left = entry.size;
    async function* content(): AsyncGenerator<Uint8Array> {
      while (left > 0) {
        const piece = await input.piece(left);
        left -= piece.byteLength;
        yield piece;
      }
    }
    yield { ...entry, content: content() };
    await input.discard(left + tarPadding(entry.size));
  }
}

/** Decodes the headers up to the next entry: yields how many bytes it needs next, and gets them. */
function* decodeEntry(): Generator<number, TarEntry | undefined, Uint8Array> {
  const changes = new Map<string, Uint8Array>();
  for (;;) {
    const header = Buffer.from(yield BLOCK);
    if (header.every((byte) => byte === 0)) return undefined;
    checkSum(header);
    const type = String.fromCharCode(header[156] as number);
    if (!CHANGING.has(type)) return entryOf(header, type, changes);
    const size = numberAt(header, 124, 12);
    if (size > MAX_HEADER_BYTES) throw new Error("an extended header is too large");
    const content = Buffer.from((yield size + tarPadding(size)).subarray(0, size));
    if (type === "L") changes.set("path", untilZero(content));
    else if (type === "K") changes.set("linkpath", untilZero(content));
    else if (type === "x") for (const [key, value] of paxRecords(content)) changes.set(key, value);
  }
}

/** The bytes of a stream, as many at a time as are asked for. */
class StreamInput implements AsyncDisposable {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(source: ByteSource) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next `size` bytes, in memory of their own. */
  async take(size: number): Promise<Uint8Array> {
    const taken = new Uint8Array(size);
    for (let filled = 0; filled < size; ) {
      const piece = await this.piece(size - filled);
      taken.set(piece, filled);
      filled += piece.byteLength;
    }
    return taken;
  }

  /** Some of the next bytes, at least one and at most `limit`, valid until the next call. */
  async piece(limit: number): Promise<Uint8Array> {
    while (this.#chunk.byteLength === 0) {
      const { value, done } = await this.#source.next();
      if (done) throw new Error("the archive ends early");
      this.#chunk = value;
    }
    const piece = this.#chunk.subarray(0, limit);
    this.#chunk = this.#chunk.subarray(piece.byteLength);
    return piece;
  }

  /** Reads the stream to its end: archives are padded. */
  async drain(): Promise<void> {
    while (!(await this.#source.next()).done);
  }

  /** Takes the next `size` bytes, and forgets them. */
  async discard(size: number): Promise<void> {
    for (let left = size; left > 0; ) left -= (await this.piece(left)).byteLength;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.return?.();
  }
}

/** The content of an entry, without padding, in pieces of at most 256 KiB that are valid until the next one. */
export function* contentPieces(input: TarInput, size: number): Generator<Uint8Array> {
  for (let left = size; left > 0; ) {
    const piece = input.take(Math.min(left, 1 << 18));
    left -= piece.byteLength;
    yield piece;
  }
  const padding = tarPadding(size);
  if (padding > 0) input.take(padding);
}

function entryOf(header: Buffer, type: string, changes: ReadonlyMap<string, Uint8Array>): TarEntry {
  const text = (key: string, otherwise: string) => {
    const value = changes.get(key);
    return value === undefined ? otherwise : Buffer.from(value).toString("latin1");
  };
  const number = (key: string, offset: number, length: number) => {
    const value = Number(text(key, "") || numberAt(header, offset, length));
    if (!Number.isFinite(value)) throw new Error(`a header has a bad ${key}`);
    return Math.floor(value);
  };
  if (type === "S" || [...changes.keys()].some((key) => key.startsWith("GNU.sparse"))) {
    throw new Error("the archive has a sparse file");
  }
  const isUstar = header.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isUstar ? stringAt(header, 345, 155) : "";
  const name = stringAt(header, 0, 100);
  const kind = TYPES.get(type);
  if (kind === undefined)
    throw new Error(`the archive has an entry of the unknown type ${JSON.stringify(type)}`);
  const size = number("size", 124, 12);
  if (size < 0) throw new Error("a header has a bad size");
  return {
    path: text("path", prefix === "" ? name : `${prefix}/${name}`),
    type: kind,
    mode: numberAt(header, 100, 8) & 0o7777,
    userId: number("uid", 108, 8),
    groupId: number("gid", 116, 8),
    size: kind === "file" ? size : 0,
    modifiedAt: number("mtime", 136, 12),
    linkTarget: text("linkpath", stringAt(header, 157, 100)),
    device: kind.endsWith("device")
      ? { major: numberAt(header, 329, 8), minor: numberAt(header, 337, 8) }
      : undefined,
    capability: changes.get(CAPABILITY),
    isUnmodified: changes.has(UNMODIFIED),
  };
}

/** Octal digits, or the bytes of a number after a first byte of 0x80. */
function numberAt(header: Buffer, offset: number, length: number): number {
  if (header[offset] === 0x80) {
    return header.subarray(offset + 1, offset + length).reduce((sum, byte) => sum * 256 + byte, 0);
  }
  const digits = stringAt(header, offset, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw new Error("a header has a number that is not octal");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function stringAt(header: Buffer, offset: number, length: number): string {
  return untilZero(header.subarray(offset, offset + length)).toString("latin1");
}

function untilZero(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** Records of the form `LENGTH KEY=VALUE\n`, where the length is that of the whole record. */
function* paxRecords(content: Buffer): Generator<readonly [string, Uint8Array]> {
  for (let at = 0; at < content.byteLength; ) {
    const space = content.indexOf(" ", at);
    const length = Number.parseInt(content.toString("latin1", at, space), 10);
    const equals = content.indexOf("=", space);
    const end = at + length;
    if (!(space > at && equals > space && end > equals && content[end - 1] === 0x0a)) {
      throw new Error("an extended header is damaged");
    }
    yield [content.toString("latin1", space + 1, equals), content.subarray(equals + 1, end - 1)];
    at = end;
  }
}

function checkSum(header: Buffer): void {
  if (numberAt(header, CHECKSUM_OFFSET, 8) !== headerChecksum(header)) throw new Error("a header is damaged");
}
