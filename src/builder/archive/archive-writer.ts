import { pack as createPack, type Header, type Pack } from "tar-stream";
import type { ByteSource } from "../../bytes/byte-source.ts";
import { drained } from "../process/drained.ts";

/** One entry of a tar archive. */
export interface ArchiveEntry {
  /** Path without a leading slash. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "link" | "character-device" | "block-device" | "fifo";
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  readonly modifiedAt: Date;
  /** The target of a symbolic link, or the path in the archive of a hard link. */
  readonly linkTarget?: string;
  /** Number of a device. */
  readonly device?: { readonly major: number; readonly minor: number };
}

/** Writes the entries of an archive, one after the other. */
export class ArchiveWriter {
  readonly #pack: Pack;

  constructor(pack: Pack) {
    this.#pack = pack;
  }

  /** Writes an entry without content. */
  async writeEmpty(entry: ArchiveEntry): Promise<void> {
    await this.writeBytes(entry, new Uint8Array());
  }

  /** Writes a small file. */
  async writeBytes(entry: ArchiveEntry, bytes: Uint8Array): Promise<void> {
    const written = Promise.withResolvers<void>();
    const done = (cause?: Error | null): void => (cause ? written.reject(cause) : written.resolve());
    const sink = this.#pack.entry(tarHeaders(entry, bytes.byteLength), done);
    // Only a file has more than a header.
    if (entry.type === "file") {
      if (bytes.byteLength > 0) sink.write(bytes);
      sink.end(null);
    }
    await written.promise;
  }

  /** Writes a file of `size` bytes from a stream; holds a few chunks at most. */
  async writeStream(entry: ArchiveEntry, size: number, content: ByteSource): Promise<void> {
    if (size === 0) {
      await this.writeEmpty(entry);
      return;
    }
    const written = Promise.withResolvers<void>();
    const sink = this.#pack.entry(tarHeaders(entry, size), (cause?: Error | null) =>
      cause ? written.reject(cause) : written.resolve(),
    );
    written.promise.catch(() => {});
    for await (const chunk of content) {
      if (!sink.write(chunk)) await drained(sink);
    }
    sink.end(null);
    await written.promise;
  }
}

/**
 * The archive that `produce` writes, as a stream of bytes.
 *
 * An error in `produce` breaks the stream. If the consumer stops early, the running write fails.
 */
export async function* archiveOf(
  produce: (archive: ArchiveWriter) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const pack = createPack();
  const produced = produce(new ArchiveWriter(pack)).then(
    () => pack.finalize(),
    (cause: unknown) => pack.destroy(cause instanceof Error ? cause : new Error(String(cause))),
  );
  try {
    for await (const chunk of pack) yield chunk as Uint8Array;
  } finally {
    pack.destroy(null);
    await produced;
  }
}

/** Only numeric owners: the machine that unpacks the archive would look up names in its own accounts. */
function tarHeaders(entry: ArchiveEntry, size: number): Pick<Header, "name"> & Partial<Header> {
  return {
    name: entry.path,
    type: entry.type,
    mode: entry.mode,
    uid: entry.userId,
    gid: entry.groupId,
    uname: "",
    gname: "",
    mtime: new Date(Math.max(0, Math.floor(entry.modifiedAt.getTime() / 1000) * 1000)),
    size,
    ...(entry.linkTarget === undefined ? {} : { linkname: entry.linkTarget }),
    ...(entry.device === undefined ? {} : { devmajor: entry.device.major, devminor: entry.device.minor }),
  };
}
