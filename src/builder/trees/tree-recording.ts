import type { ByteSource } from "../../bytes/byte-source.ts";
import { ByteChannel } from "../archive/byte-channel.ts";

/** Unpacks an archive; rejects if it fails. */
export type Unpack = (archive: ByteSource) => Promise<void>;

/**
 * An archive that is unpacked while somebody else reads it.
 *
 * If unpacking fails, the reader notices nothing. If the reader stops, so does unpacking.
 */
export class TreeRecording {
  readonly #channel = new ByteChannel();
  readonly #unpacked: Promise<void>;
  #isUnpacking = true;
  #bytes = 0;

  /** Starts unpacking. */
  constructor(unpack: Unpack) {
    this.#unpacked = unpack(this.#channel.read());
    const stop = (reason: unknown) => {
      this.#isUnpacking = false;
      this.#channel.fail(reason);
    };
    // Nothing reads the channel any more. Whoever waits for the tree gets the failure.
    this.#unpacked.then(() => stop(new Error("the archive has been unpacked")), stop);
  }

  /** Passes the archive on. */
  async *passOn(archive: ByteSource): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of archive) {
        this.#bytes += chunk.byteLength;
        await this.#copy(() => this.#channel.write(chunk));
        yield chunk;
      }
      await this.#copy(() => this.#channel.end());
    } finally {
      this.#channel.fail(new Error("the archive was not read to its end"));
    }
  }

  /**
   * Waits for the tree; resolves to the size of its archive.
   *
   * @throws the failure of unpacking, or an error if the archive was not read to its end
   */
  async complete(): Promise<number> {
    await this.#unpacked;
    return this.#bytes;
  }

  async #copy(write: () => Promise<void>): Promise<void> {
    if (!this.#isUnpacking) return;
    try {
      await write();
    } catch {
      // The channel fails only because unpacking has ended, and complete() says how.
      this.#isUnpacking = false;
    }
  }
}
