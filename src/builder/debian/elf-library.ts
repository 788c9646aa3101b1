/** The facts of a shared library that the loader's cache records. */
export interface ElfLibrary {
  /** 32 or 64. */
  readonly bits: number;
  /** ELF's machine number, such as 62 for x86-64. */
  readonly machine: number;
  /** The name by which programs load it; absent if the library has none. */
  readonly soname?: string;
}

const MAX_HEAD_BYTES = 8 << 20;
const MAX_DYNAMIC_BYTES = 1 << 16;
const HEADER_BYTES = 64;
const TYPE_SHARED = 3;
const SEGMENT_LOAD = 1;
const SEGMENT_DYNAMIC = 2;
const TAG_END = 0;
const TAG_STRING_TABLE = 5;
const TAG_SONAME = 14;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/**
 * Finds a library's name in a stream of its bytes (ELF specification, "Dynamic Section").
 *
 * Keeps the first 8 MiB, where linkers put the names, and the dynamic section wherever it is. Understands
 * little-endian files; the result for other files is `undefined`.
 */
export class ElfProbe {
  readonly #head: Uint8Array[] = [];
  #headSize = 0;
  #position = 0;
  #segments: readonly Segment[] | undefined;
  #dynamicSegment: Segment | undefined;
  #dynamic = new Uint8Array();

  /** Adds the next bytes of the file. */
  push(chunk: Uint8Array): void {
    const room = MAX_HEAD_BYTES - this.#headSize;
    if (room > 0) {
      // Copy: the reader reuses the chunk.
      const kept = chunk.slice(0, room);
      this.#head.push(kept);
      this.#headSize += kept.byteLength;
    }
    this.#position += chunk.byteLength;
    if (this.#segments === undefined && this.#headSize >= 4096) this.#readSegments();
    this.#collectDynamic(chunk);
  }

  /** The library. Call this after the last {@link push}. */
  finish(): ElfLibrary | undefined {
    const head = Buffer.concat(this.#head);
    if (!isSharedObject(head)) return undefined;
    const bits = head[4] === 2 ? 64 : 32;
    const found = { bits, machine: head.readUInt16LE(18) };
    if (this.#segments === undefined) this.#readSegments();
    const segment = this.#dynamicSegment;
    if (segment === undefined) return found;
    const inHead = head.subarray(segment.offset, segment.offset + segment.size);
    const dynamic = inHead.byteLength === segment.size ? inHead : Buffer.from(this.#dynamic);
    const soname = this.#soname(head, dynamic, bits);
    return soname === undefined ? found : { ...found, soname };
  }

  #readSegments(): void {
    const head = Buffer.concat(this.#head);
    this.#segments = isSharedObject(head) ? parseSegments(head) : [];
    const dynamic = this.#segments.find((segment) => segment.type === SEGMENT_DYNAMIC);
    if (dynamic !== undefined && dynamic.size <= MAX_DYNAMIC_BYTES) this.#dynamicSegment = dynamic;
  }

  #collectDynamic(chunk: Uint8Array): void {
    const segment = this.#dynamicSegment;
    if (segment === undefined) return;
    const chunkStart = this.#position - chunk.byteLength;
    const start = Math.max(segment.offset, chunkStart);
    const end = Math.min(segment.offset + segment.size, this.#position);
    if (start >= end) return;
    this.#dynamic = new Uint8Array(
      Buffer.concat([this.#dynamic, chunk.subarray(start - chunkStart, end - chunkStart)]),
    );
  }

  #soname(head: Buffer, dynamic: Buffer, bits: number): string | undefined {
    const entrySize = bits === 64 ? 16 : 8;
    let nameOffset: number | undefined;
    let tableAddress: number | undefined;
    for (let at = 0; at + entrySize <= dynamic.byteLength; at += entrySize) {
      const tag = readWord(dynamic, at, bits);
      const value = readWord(dynamic, at + entrySize / 2, bits);
      if (tag === TAG_END) break;
      if (tag === TAG_SONAME) nameOffset = value;
      if (tag === TAG_STRING_TABLE) tableAddress = value;
    }
    if (nameOffset === undefined || tableAddress === undefined) return undefined;
    const address = tableAddress;
    const load = this.#segments?.find(
      (segment) =>
        segment.type === SEGMENT_LOAD &&
        address >= segment.address &&
        address < segment.address + segment.size,
    );
    if (load === undefined) return undefined;
    const start = address - load.address + load.offset + nameOffset;
    const end = head.indexOf(0, start);
    return start < head.byteLength && end > start ? head.toString("latin1", start, end) : undefined;
  }
}

function isSharedObject(head: Buffer): boolean {
  return (
    head.byteLength >= HEADER_BYTES &&
    head.readUInt32BE(0) === 0x7f454c46 &&
    head[5] === 1 &&
    head.readUInt16LE(16) === TYPE_SHARED
  );
}

function parseSegments(head: Buffer): readonly Segment[] {
  const wide = head[4] === 2;
  const bits = wide ? 64 : 32;
  const tableOffset = readWord(head, wide ? 32 : 28, bits);
  const entrySize = head.readUInt16LE(wide ? 54 : 42);
  const count = head.readUInt16LE(wide ? 56 : 44);
  const segments: Segment[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = tableOffset + index * entrySize;
    if (at + (wide ? 56 : 32) > head.byteLength) break;
    segments.push({
      type: head.readUInt32LE(at),
      offset: readWord(head, at + (wide ? 8 : 4), bits),
      address: readWord(head, at + (wide ? 16 : 8), bits),
      size: readWord(head, at + (wide ? 32 : 16), bits),
    });
  }
  return segments;
}

function readWord(bytes: Buffer, at: number, bits: number): number {
  return bits === 64 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at);
}
