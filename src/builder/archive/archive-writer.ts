import type { ByteSource } from "../../bytes/byte-source.ts";
import { ByteChannel } from "./byte-channel.ts";
import { type EntryType, TAR_END, tarHeader, tarPadding } from "./tar-header.ts";

/** One entry of a tar archive. Names are text, or bytes that need not be UTF-8. */
export interface ArchiveEntry {
  /** Path without a leading slash. */
  readonly path: string | Uint8Array;
  readonly type: EntryType;
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  readonly modifiedAt: Date;
  /** The target of a symbolic link, or the path in the archive of a hard link. */
  readonly linkTarget?: string | Uint8Array | undefined;
  /** Number of a device. */
  readonly device?: { readonly major: number; readonly minor: number } | undefined;
  /** The extended attribute `security.capability`. */
  readonly capability?: Uint8Array | undefined;
}

/** Writes the entries of an archive, one after the other. */
export class ArchiveWriter {
  readonly #channel: ByteChannel;

  constructor(channel: ByteChannel) {
    this.#channel = channel;
  }

  /** Writes an entry without content. */
  async writeEmpty(entry: ArchiveEntry): Promise<void> {
    await this.#channel.write(headerOf(entry, 0));
  }

  /** Writes a small file. */
  async writeBytes(entry: ArchiveEntry, bytes: Uint8Array): Promise<void> {
    await this.#channel.write(headerOf(entry, bytes.byteLength));
    await this.#channel.write(bytes);
    await this.#pad(bytes.byteLength);
  }

  /**
   * Writes a file of `size` bytes from a stream; holds a few chunks at most.
   *
   * @throws {Error} if the stream has another size
   */
  async writeStream(entry: ArchiveEntry, size: number, content: ByteSource): Promise<void> {
    await this.#channel.write(headerOf(entry, size));
    let left = size;
    for await (const chunk of content) {
      left -= chunk.byteLength;
      if (left < 0) break;
      await this.#channel.write(chunk);
    }
    if (left !== 0) throw new Error("a file in an archive has another size than its header says");
    await this.#pad(size);
  }

  async #pad(size: number): Promise<void> {
    await this.#channel.write(new Uint8Array(tarPadding(size)));
  }
}

/**
 * The archive that `produce` writes, as a stream of bytes. A chunk is valid until the next one is requested.
 *
 * An error in `produce` breaks the stream. If the consumer stops early, the running write fails.
 */
export async function* archiveOf(
  produce: (archive: ArchiveWriter) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const channel = new ByteChannel();
  const produced = produce(new ArchiveWriter(channel)).then(async () => {
    await channel.write(TAR_END);
    await channel.end();
  });
  produced.catch((error: unknown) => channel.fail(error));
  try {
    yield* channel.read();
  } finally {
    channel.fail(new Error("nobody reads the archive any more"));
    // Its failure was reported to the reader, unless that has left.
    await produced.catch(() => {});
  }
}

/** Only numeric owners: the machine that unpacks the archive would look up names in its own accounts. */
function headerOf({ path, linkTarget, modifiedAt, ...entry }: ArchiveEntry, sizeBytes: number): Uint8Array {
  return tarHeader({
    ...entry,
    path: bytesOf(path),
    linkTarget: linkTarget === undefined ? undefined : bytesOf(linkTarget),
    modifiedAtSeconds: Math.max(0, Math.floor(modifiedAt.getTime() / 1000)),
    sizeBytes,
  });
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? Buffer.from(text) : text;
}
