import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Digest } from "../oci/digest.ts";
import type { LinkedBlobs } from "../registry/linked-blobs.ts";

/** Shorter answers are passed to the system before anyone could shorten the file. */
const WATCHED_BYTES = 256 * 1024;
const CHECK_INTERVAL_MS = 500;

/** What {@link SentFiles} needs from the server. */
export interface Connections {
  /** Whether the answer to a request has ended, for whatever reason. */
  isOver(request: Request): boolean;
  /** Closes all idle connections. */
  closeIdle(): void;
}

interface SentFile {
  readonly blob: BlobDescriptor;
  isDamaged: boolean;
}

/**
 * Breaks the connections of clients whose file was shortened while it was sent.
 *
 * The system sends files on its own. If one ends early, Bun considers the answer finished and keeps the connection
 * for the next request, while the client waits for the missing bytes until a timeout. We cannot close that connection
 * alone, but we can close all idle ones, which clients must expect at any time. So every file being sent is checked
 * twice a second.
 */
export class SentFiles implements Disposable {
  readonly #blobs: Pick<LinkedBlobs, "holds">;
  readonly #connections: Connections;
  readonly #sent = new Map<Request, SentFile>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(blobs: Pick<LinkedBlobs, "holds">, connections: Connections) {
    this.#blobs = blobs;
    this.#connections = connections;
  }

  /** Watches the answer to `request`, which sends `length` bytes of a blob's file. */
  watch(request: Request, blob: BlobDescriptor, length: number): void {
    if (length < WATCHED_BYTES) return;
    this.#sent.set(request, { blob, isDamaged: false });
    if (this.#timer === undefined) this.#schedule();
  }

  /** Ends watching. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#sent.clear();
  }

  #schedule(): void {
    this.#timer = setTimeout(() => void this.#check(), CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  async #check(): Promise<void> {
    const held = new Map<Digest, boolean>();
    let brokeOff = false;
    for (const [request, sent] of this.#sent) {
      // Ask this first: a file that is complete now was complete when the answer ended.
      const isOver = this.#connections.isOver(request);
      const { digest } = sent.blob;
      if (!held.has(digest)) held.set(digest, await this.#holds(sent.blob));
      sent.isDamaged ||= held.get(digest) === false;
      if (isOver) this.#sent.delete(request);
      brokeOff ||= isOver && sent.isDamaged;
    }
    if (brokeOff) this.#connections.closeIdle();
    this.#timer = undefined;
    if (this.#sent.size > 0) this.#schedule();
  }

  /** If the store cannot tell, close nothing. */
  async #holds(blob: BlobDescriptor): Promise<boolean> {
    try {
      return await this.#blobs.holds(blob);
    } catch {
      return true;
    }
  }
}
