import type { StoredFile } from "./reply.ts";

/** Minimum size of a watched answer. The system has accepted a shorter one before anyone could shorten the file. */
const WATCHED_BYTES = 256 * 1024;
const CHECK_INTERVAL_MS = 500;

/** What {@link SentFiles} needs from the server. */
export interface Connections {
  /** Whether the answer to a request has ended, for whatever reason. */
  isOver(request: Request): boolean;
  /** Closes all idle connections. */
  closeIdle(): void;
  /** Gives the client of a running answer the time that pauses of a transfer may take. */
  allowPauses(request: Request): void;
}

interface SentFile {
  readonly file: StoredFile;
  /** Called when the answer has ended. */
  readonly onEnd: ((isComplete: boolean) => void) | undefined;
  isDamaged: boolean;
  mayPause: boolean;
}

/**
 * Breaks the connections of clients whose file was shortened while it was sent.
 *
 * The system sends files on its own. If one ends early, Bun considers the answer finished and keeps the connection
 * for the next request, while the client waits for the missing bytes until a timeout. We cannot close that connection
 * alone, but we can close all idle ones, which clients must expect at any time. So every file being sent is checked
 * twice a second.
 *
 * Bun sets the idle timeout again when it begins to send a file, so the first check allows longer pauses.
 */
export class SentFiles implements Disposable {
  readonly #connections: Connections;
  readonly #sent = new Map<Request, SentFile>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  /**
   * Watches the answer to `request`, which sends a part of a file. Calls `onEnd` when it has ended.
   *
   * @returns false if the answer is too short to be watched; `onEnd` is never called then
   */
  watch(request: Request, file: StoredFile, onEnd?: SentFile["onEnd"]): boolean {
    if (file.sentBytes < WATCHED_BYTES) return false;
    this.#sent.set(request, { file, onEnd, isDamaged: false, mayPause: false });
    if (this.#timer === undefined) this.#schedule();
    return true;
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
    const whole = new Map<string, boolean>();
    let brokeOff = false;
    for (const [request, sent] of this.#sent) {
      // Ask this first: a file that is complete now was complete when the answer ended.
      const isOver = this.#connections.isOver(request);
      if (!isOver && !sent.mayPause) this.#connections.allowPauses(request);
      sent.mayPause = true;
      const { digest } = sent.file;
      if (!whole.has(digest)) whole.set(digest, await isWhole(sent.file));
      sent.isDamaged ||= whole.get(digest) === false;
      if (!isOver) continue;
      this.#sent.delete(request);
      brokeOff ||= sent.isDamaged;
      sent.onEnd?.(!sent.isDamaged && !request.signal.aborted);
    }
    if (brokeOff) this.#connections.closeIdle();
    this.#timer = undefined;
    if (this.#sent.size > 0) this.#schedule();
  }
}

/** If the store cannot tell, close nothing. */
async function isWhole(file: StoredFile): Promise<boolean> {
  try {
    return await file.isWhole();
  } catch {
    return true;
  }
}
