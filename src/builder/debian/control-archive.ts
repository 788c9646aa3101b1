import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { XzReadableStream } from "xz-decompress";

/** Most packages have all of it at the begin of their file, so that one reading gets it. */
const BEGIN_BYTES = 1 << 16;
const MAX_PACKED_BYTES = 1 << 20;
/** Unpacking it keeps the server's thread for some hundredths of a second at most. */
const MAX_BYTES = 1 << 22;

// A package is an ar file (deb(5)).
const MAGIC = "!<arch>\n";
const HEADER_BYTES = 60;
/** Of the first member, which has only the format's version. */
const VERSION_BYTES = 4;
const CONTROL = "control.tar";

/** A member of an ar file: its name, and where its content is. */
interface Member {
  readonly name: string;
  readonly at: number;
  readonly size: number;
}

type Decompress = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** By the end of the archive's name. */
const DECOMPRESSORS: ReadonlyMap<string, Decompress> = new Map<string, Decompress>([
  ["", (bytes) => bytes],
  [".gz", (bytes) => gunzipSync(bytes, { maxOutputLength: MAX_BYTES })],
  [".xz", unxz],
  [".zst", (bytes) => zstdDecompressSync(bytes, { maxOutputLength: MAX_BYTES })],
]);

/**
 * The tar archive of a .deb file's control files, read without a process, which would take longer than all the rest for
 * most packages. `undefined` if it is large, damaged or otherwise unusual: dpkg-deb can read it, or knows what is wrong.
 */
export async function readControlArchive(path: string): Promise<Uint8Array | undefined> {
  const file = Bun.file(path);
  const begin = Buffer.from(await file.slice(0, BEGIN_BYTES).arrayBuffer());
  const member = controlMember(begin);
  if (member === undefined || member.size > MAX_PACKED_BYTES) return undefined;
  const decompress = DECOMPRESSORS.get(member.name.slice(CONTROL.length));
  if (decompress === undefined) return undefined;
  const end = member.at + member.size;
  const packed =
    end <= begin.byteLength ? begin.subarray(member.at, end) : await file.slice(member.at, end).bytes();
  try {
    return packed.byteLength < member.size ? undefined : await decompress(packed);
  } catch {
    return undefined;
  }
}

/** Where the control archive is, if it is the second member. */
function controlMember(begin: Buffer): Member | undefined {
  const first = memberAt(begin, MAGIC.length);
  const second = memberAt(begin, MAGIC.length + HEADER_BYTES + VERSION_BYTES);
  if (begin.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  if (first?.name !== "debian-binary" || first.size !== VERSION_BYTES) return undefined;
  return second?.name.startsWith(CONTROL) ? second : undefined;
}

/** What the header at `offset` says (ar(5)): name, times, owner and mode, size, and how a header ends. */
function memberAt(begin: Buffer, offset: number): Member | undefined {
  const header = begin.toString("latin1", offset, offset + HEADER_BYTES);
  const [, name, size] = /^(.{16}).{32}(\d{1,10}) *`\n$/.exec(header) ?? [];
  if (name === undefined || size === undefined) return undefined;
  return { name: name.trimEnd(), at: offset + HEADER_BYTES, size: Number(size) };
}

async function unxz(packed: Uint8Array): Promise<Uint8Array> {
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(packed);
      controller.close();
    },
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the stream, which others may wait for.
  for await (const chunk of new XzReadableStream(source)) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new RangeError("an archive of control files is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
