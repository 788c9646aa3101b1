import { type FileHandle, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { onceSuccessful } from "../concurrency/once-successful.ts";
import { freeDiskBytes } from "../files/free-disk-bytes.ts";

/** Where archives wait, and how much of them. */
export interface SpoolOptions {
  /** Folder for files that have no name while they are used; created if missing. Several processes can share it. */
  readonly folder: string;
  /** Bytes of all files. None is begun on a disk that has less than twice that free. */
  readonly maxBytes: number;
}

/** The room that all {@link ArchiveSpool}s of a server share. */
export class SpoolRoom {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #ready = onceSuccessful(() => this.#prepare());
  #freeBytes: number;
  #waitingWriters = 0;
  #changed = Promise.withResolvers<void>();

  constructor({ folder, maxBytes }: SpoolOptions) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#freeBytes = maxBytes;
  }

  /**
   * A new file, which is gone when it is closed, even if this process is killed.
   *
   * @throws {Error} if it could take the disk space that uploads and builds need
   */
  async openFile(): Promise<FileHandle> {
    await this.#ready();
    if (freeDiskBytes(this.#folder) < 2 * this.#maxBytes) throw new Error("the disk is nearly full");
    const path = join(this.#folder, crypto.randomUUID());
    const file = await open(path, "wx+", 0o600);
    await rm(path, { force: true });
    return file;
  }

  /** Takes room for bytes, if there is enough. */
  tryTake(bytes: number): boolean {
    if (bytes > this.#freeBytes) return false;
    this.#freeBytes -= bytes;
    return true;
  }

  /** Gives room back. */
  giveBack(bytes: number): void {
    this.#freeBytes += bytes;
    this.tellAll();
  }

  /** Whether a writer waits for room. */
  get isShort(): boolean {
    return this.#waitingWriters > 0;
  }

  /** The room is short until this is disposed of. */
  beginWaiting(): Disposable {
    this.#waitingWriters += 1;
    this.tellAll();
    return {
      [Symbol.dispose]: () => {
        this.#waitingWriters -= 1;
      },
    };
  }

  /** Resolves when room was given back, or something else changed that a writer or a reader may wait for. */
  nextChange(): Promise<void> {
    return this.#changed.promise;
  }

  /** Makes those that wait look again. */
  tellAll(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Removes files of processes that were killed before they could remove a name. */
  async #prepare(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder)) await rm(join(this.#folder, name), { force: true });
  }
}

/**
 * Passes the blocks of an archive from one writer to one reader, which may be far behind: what it does not ask for yet waits in
 * a file. Where no file can be written, and while there is no room, the writer waits for the reader.
 *
 * Disposing of it discards what is left.
 */
export class ArchiveSpool implements AsyncDisposable {
  readonly #room: SpoolRoom;
  readonly #mayWait: () => boolean;
  #file: FileHandle | undefined;
  /** Whether a file could not be written. */
  #isUnusable = false;
  /** Sizes of the blocks in the file that are still to be read, in order. */
  readonly #sizes: number[] = [];
  #readAt = 0;
  /** Also the room that the file has. */
  #writeAt = 0;
  /** The bytes of the block that the reader has; it asks for the next one when it needs them no more. */
  #buffer = new Uint8Array(0);
  /** Gives the reader a block, or has it look again. */
  #wanted: ((block: Uint8Array | undefined) => void) | undefined;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param mayWait whether the reader shall leave the blocks in the file as long as there is room; asked again when
   * something changes in the room
   */
  constructor(room: SpoolRoom, mayWait: () => boolean = () => false) {
    this.#room = room;
    this.#mayWait = mayWait;
  }

  /**
   * Adds a block, of which the caller may change the bytes afterwards.
   *
   * @throws what {@link fail} got
   */
  async put(block: Uint8Array): Promise<void> {
    if (await this.#tryPut(block)) return;
    using _waiting = this.#room.beginWaiting();
    for (;;) {
      const change = this.#room.nextChange();
      if (await this.#tryPut(block)) return;
      await change;
    }
  }

  /** Ends the archive. */
  end(): void {
    this.#hasEnded = true;
    this.#answer(undefined);
  }

  /** Breaks the archive for both sides; the first error counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#answer(undefined);
    this.#room.tellAll();
  }

  /**
   * The blocks. Each is valid until the next one is requested.
   *
   * @throws what {@link fail} got
   */
  async *blocks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.#throwIfFailed();
      if (!this.#room.isShort && this.#mayWait()) {
        await this.#room.nextChange();
        continue;
      }
      const [size] = this.#sizes;
      if (size !== undefined) {
        yield await this.#readBlock(this.#bytes(size));
      } else if (this.#hasEnded) return;
      else {
        const given = Promise.withResolvers<Uint8Array | undefined>();
        this.#wanted = given.resolve;
        this.#room.tellAll();
        const block = await given.promise;
        if (block !== undefined) yield block;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.fail(new Error("the archive is not needed any more"));
    this.#room.giveBack(this.#writeAt);
    this.#writeAt = 0;
    await this.#file?.close();
  }

  /** Gives the block to the reader, or writes it into the file; false if neither is possible now. */
  async #tryPut(block: Uint8Array): Promise<boolean> {
    this.#throwIfFailed();
    if (this.#wanted === undefined) return await this.#append(block);
    const given = this.#bytes(block.byteLength);
    given.set(block);
    this.#answer(given);
    return true;
  }

  #answer(block: Uint8Array | undefined): void {
    const answer = this.#wanted;
    this.#wanted = undefined;
    answer?.(block);
  }

  /** Writes a block into the file; false if that is not possible now. */
  async #append(block: Uint8Array): Promise<boolean> {
    const { byteLength } = block;
    if (this.#isUnusable) return false;
    try {
      // The reader has finished with a block when its size is gone.
      if (this.#sizes.length === 0) await this.#clear();
      if (!this.#room.tryTake(byteLength)) return false;
      const at = this.#writeAt;
      this.#writeAt += byteLength;
      this.#file ??= await this.#room.openFile();
      for (let done = 0; done < byteLength; )
        done += (await this.#file.write(block, done, byteLength - done, at + done)).bytesWritten;
    } catch {
      // Perhaps the disk is full: the layer itself needs less.
      this.#isUnusable = true;
      return false;
    }
    this.#sizes.push(byteLength);
    this.#answer(undefined);
    return true;
  }

  async #clear(): Promise<void> {
    if (this.#writeAt === 0) return;
    await this.#file?.truncate(0);
    this.#room.giveBack(this.#writeAt);
    this.#readAt = 0;
    this.#writeAt = 0;
  }

  /** Bytes for the reader's next block. */
  #bytes(size: number): Uint8Array {
    if (size > this.#buffer.byteLength) this.#buffer = new Uint8Array(size);
    return this.#buffer.subarray(0, size);
  }

  async #readBlock(block: Uint8Array): Promise<Uint8Array> {
    for (let done = 0; done < block.byteLength; ) {
      const length = block.byteLength - done;
      // Its size is known, so it was written.
      const file = this.#file as FileHandle;
      const { bytesRead } = await file.read(block, done, length, this.#readAt + done);
      if (bytesRead === 0) throw new Error("a waiting archive was cut short");
      done += bytesRead;
    }
    this.#readAt += block.byteLength;
    this.#sizes.shift();
    return block;
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
