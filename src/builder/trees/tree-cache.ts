import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ByteSource } from "../../bytes/byte-source.ts";
import { Coalesced } from "../../concurrency/coalesced.ts";
import { onceSuccessful } from "../../concurrency/once-successful.ts";
import { Semaphore } from "../../concurrency/semaphore.ts";
import { SingleFlight } from "../../concurrency/single-flight.ts";
import { FolderLock } from "../../files/file-lock.ts";
import { type LockedFolder, makeLockedFolder, removeAbandoned } from "../../files/locked-folder.ts";
import { absent, errorCode } from "../../files/system-error.ts";
import { type Digest, encodedOf } from "../../oci/digest.ts";
import type { LayerBelow, LayerContent } from "../package-source.ts";
import { TreeRecording } from "./tree-recording.ts";

/** Unpacks archives into folders that only it may be able to remove. */
export interface Unpacker {
  /** Unpacks a tar archive into a new folder. */
  unpack(archive: ByteSource, folder: string, signal: AbortSignal): Promise<void>;
  /** Removes a folder that it made, also one that it did not finish. */
  remove(folder: string): Promise<void>;
}

/** An unpacked layer, which stays until this is disposed of. */
export interface HeldTree extends AsyncDisposable {
  /** Folder with the layer's files. Do not change them. */
  readonly path: string;
}

/** Where the trees are, and how many. */
export interface TreeCacheOptions {
  /** Folder for the trees, created if missing. Several processes can share it. */
  readonly folder: string;
  /** Bytes of archives whose trees are kept while nobody holds them. */
  readonly budgetBytes: number;
  /** Called if a layer could not be unpacked while it was made. It is unpacked when somebody needs it. */
  readonly onRecordingFailed: (error: unknown) => void;
}

/** A layer that is unpacked while it is made. */
interface RecordedEntry extends LockedFolder {
  readonly recording: TreeRecording;
}

/** Layers to unpack at the same time: each takes a process and its memory. */
const UNPACKED_AT_ONCE = 4;
/** Entries that are being made or removed. */
const TEMPORARY = "tmp-";
const TREE = "tree";
/** Holds the size of the archive. */
const SIZE = "bytes";
/** An entry is locked against readers only for as long as a rename takes. */
const PAUSE_MS = 2;

/**
 * Unpacked layers on this host, by diff ID. Nobody needs to keep them: a missing one is unpacked again.
 *
 * Each entry is a folder. Whoever uses it holds a shared lock on it, and whoever removes it an exclusive one, so
 * processes can share the cache, and a killed one leaves no lock.
 */
export class TreeCache {
  readonly #options: TreeCacheOptions;
  readonly #unpacker: Unpacker;
  readonly #making = new SingleFlight<void>();
  readonly #limit = new Semaphore({ places: UNPACKED_AT_ONCE });
  readonly #ready = onceSuccessful(() => this.#prepare());
  readonly #room = new Coalesced(() => this.#makeRoom());

  constructor(options: TreeCacheOptions, unpacker: Unpacker) {
    this.#options = options;
    this.#unpacker = unpacker;
  }

  /** Holds the tree of a layer; unpacks it if it is not there. */
  async hold(layer: LayerBelow, signal: AbortSignal): Promise<HeldTree> {
    await this.#ready();
    const key = encodedOf(layer.diffId);
    const entry = join(this.#options.folder, key);
    for (;;) {
      signal.throwIfAborted();
      const lock = FolderLock.tryAcquire(entry, { shared: true });
      if (lock instanceof FolderLock) {
        // More exact than a date, so that the order of uses is known.
        const now = (performance.timeOrigin + performance.now()) / 1000;
        await utimes(entry, now, now);
        return new Held(join(entry, TREE), lock, () => this.#room.run());
      }
      if (lock === "busy") await Bun.sleep(PAUSE_MS);
      else {
        const make = (shared: AbortSignal) => this.#limit.run(() => this.#make(layer, key, shared), shared);
        await this.#making.run(key, signal, make);
      }
    }
  }

  /** Unpacks an archive for this caller alone. The tree is removed when it is disposed of. */
  async unpack(archive: ByteSource, signal: AbortSignal): Promise<HeldTree> {
    await this.#ready();
    const { path, lock } = await this.#newEntry();
    const held = new Held(join(path, TREE), lock, () => this.#destroy(path));
    try {
      await this.#unpacker.unpack(archive, held.path, signal);
      return held;
    } catch (error) {
      await held[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * The same layer, which is unpacked while it is made, so that {@link hold} finds its tree. If that fails, the layer is
   * made all the same. Its archive must not wait for a tree: each recording takes a place that others may need for one.
   */
  recorded(content: LayerContent, signal: AbortSignal): LayerContent {
    if (this.#options.budgetBytes === 0) return content;
    const start = () => this.#startRecording(signal);
    let entry: RecordedEntry | undefined;
    const archive = async function* (): ByteSource {
      entry = await start();
      yield* entry === undefined ? content.archive : entry.recording.passOn(content.archive);
    };
    return {
      archive: archive(),
      facts: () => content.facts(),
      settle: async (diffId) => {
        await content.settle?.(diffId);
        if (entry === undefined) return;
        const kept = this.#keep(entry, diffId).then(() => this.#room.run());
        await kept.catch(this.#options.onRecordingFailed);
      },
    };
  }

  /** `undefined` if the layer has to be unpacked later. */
  async #startRecording(signal: AbortSignal): Promise<RecordedEntry | undefined> {
    signal.throwIfAborted();
    // The layer does not wait for it.
    if (this.#limit.isFull) return undefined;
    const place = await this.#limit.enter(signal);
    try {
      await this.#ready();
      const entry = await this.#newEntry();
      const recording = new TreeRecording(async (archive) => {
        using _place = place;
        await this.#unpacker.unpack(archive, join(entry.path, TREE), signal);
      });
      return { ...entry, recording };
    } catch (error) {
      place[Symbol.dispose]();
      this.#options.onRecordingFailed(error);
      return undefined;
    }
  }

  /** Makes an entry of a recorded tree, if the layer was stored and the tree is complete. */
  async #keep({ path, lock, recording }: RecordedEntry, diffId: Digest | undefined): Promise<void> {
    using _lock = lock;
    try {
      const bytes = await recording.complete();
      if (diffId !== undefined) return await this.#publish(path, encodedOf(diffId), bytes);
    } catch (error) {
      // Of a layer that was not made, there is nothing to report.
      if (diffId !== undefined) this.#options.onRecordingFailed(error);
    }
    await this.#destroy(path);
  }

  async #make(layer: LayerBelow, key: string, signal: AbortSignal): Promise<void> {
    const { path, lock } = await this.#newEntry();
    using _lock = lock;
    try {
      let bytes = 0;
      const counted = async function* (): ByteSource {
        for await (const chunk of layer.open()) {
          bytes += chunk.byteLength;
          yield chunk;
        }
      };
      await this.#unpacker.unpack(counted(), join(path, TREE), signal);
      await this.#publish(path, key, bytes);
    } catch (error) {
      await this.#destroy(path);
      throw error;
    }
  }

  /** Gives a new entry its name, or removes it if another process was faster. */
  async #publish(path: string, key: string, bytes: number): Promise<void> {
    await writeFile(join(path, SIZE), String(bytes));
    try {
      await rename(path, join(this.#options.folder, key));
    } catch (error) {
      if (errorCode(error) !== "ENOTEMPTY" && errorCode(error) !== "EEXIST") throw error;
      await this.#destroy(path);
    }
  }

  #newEntry(): Promise<LockedFolder> {
    return makeLockedFolder(this.#options.folder, TEMPORARY);
  }

  /** Removes entries that nobody holds, those first that were used longest ago, until the rest is within the budget. */
  async #makeRoom(): Promise<void> {
    const entries = await this.#entries();
    let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of entries.toSorted((left, right) => left.usedAt - right.usedAt)) {
      if (total <= this.#options.budgetBytes) return;
      if (await this.#removeUnused(path)) total -= bytes;
    }
  }

  async #entries() {
    const names = (await readdir(this.#options.folder)).filter((name) => !name.startsWith(TEMPORARY));
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#options.folder, name);
        const size = await readFile(join(path, SIZE), "utf8").catch(absent);
        const usedAt = (await stat(path).catch(absent))?.mtimeMs;
        return size === undefined || usedAt === undefined ? [] : [{ path, bytes: Number(size), usedAt }];
      }),
    );
    return found.flat();
  }

  /** Removes an entry; false if somebody holds it. */
  async #removeUnused(path: string): Promise<boolean> {
    const lock = FolderLock.tryAcquire(path);
    if (!(lock instanceof FolderLock)) return false;
    const doomed = join(this.#options.folder, `${TEMPORARY}${crypto.randomUUID()}`);
    {
      using _lock = lock;
      await rename(path, doomed);
    }
    await this.#destroy(doomed);
    return true;
  }

  async #destroy(folder: string): Promise<void> {
    await this.#unpacker.remove(join(folder, TREE));
    await rm(folder, { recursive: true, force: true });
  }

  /** Removes what dead processes left. */
  async #prepare(): Promise<void> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeAbandoned(folder, TEMPORARY, (path) => this.#destroy(path));
  }
}

class Held implements HeldTree {
  readonly path: string;
  readonly #lock: FolderLock;
  readonly #afterwards: () => Promise<void>;
  #isDisposed = false;

  constructor(path: string, lock: FolderLock, afterwards: () => Promise<void>) {
    this.path = path;
    this.#lock = lock;
    this.#afterwards = afterwards;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#lock[Symbol.dispose]();
    await this.#afterwards();
  }
}
