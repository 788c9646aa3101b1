import type { ByteSource } from "../bytes/byte-source.ts";
import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import { InterruptibleSource } from "../bytes/interruptible-source.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import { algorithmOf, CANONICAL_ALGORITHM } from "../oci/digest.ts";
import { type Fault, RegistryError } from "../oci/registry-error.ts";
import type { BlobClaim, BlobDescriptor, BlobUpload, CommitRecord, LastChunk } from "./blob-services.ts";
import type { ContentDriver, UploadId, UploadLock, UploadState } from "./content-driver.ts";
import type { HashThread } from "./hash-thread.ts";
import { UploadHash, type UploadHashes } from "./upload-hash.ts";
import type { UploadTurns } from "./upload-turns.ts";

/** The parts that all uploads of a store share. */
export interface UploadContext {
  readonly driver: ContentDriver;
  readonly turns: UploadTurns;
  readonly hashes: UploadHashes;
  readonly hashThread: HashThread | undefined;
}

/** The faults of an upload that another request works on, or ended. */
const IN_USE: ReadonlySet<Fault> = new Set<Fault>(["upload-busy", "upload-unknown", "upload-cancelled"]);

/**
 * An upload whose bytes are in a driver.
 *
 * It keeps no state: every call waits for its turn, reads the upload's state from the driver, and continues from there.
 * So any number of requests can hold an object for the same upload.
 */
export class StoredUpload implements BlobUpload {
  readonly id: UploadId;
  readonly #context: UploadContext;

  constructor(id: UploadId, context: UploadContext) {
    this.id = id;
    this.#context = context;
  }

  async size(): Promise<number> {
    return this.#context.turns.sizeOf(this.id, async () => (await this.#state()).size);
  }

  append(source: ByteSource, offset?: number, confirm?: () => Promise<void>): Promise<number> {
    return this.#inTurn(async (lock) => {
      const state = await this.#state();
      requireOffset(state, offset);
      const interruptible = new InterruptibleSource(source);
      using _running = this.#context.turns.enter(this.id, { source: interruptible });
      try {
        const { size } = await this.#append(lock, interruptible, state);
        await confirm?.();
        return size;
      } catch (error) {
        // Nothing of an invalid request counts. After any other failure, the client continues from what is stored.
        if (error instanceof RegistryError && error.fault === "request-invalid") {
          await this.#rollBack(lock, state);
        }
        throw error;
      }
    });
  }

  commit(claimed: BlobClaim, record?: CommitRecord): Promise<BlobDescriptor> {
    return this.#inTurn(async (lock) => this.#commit(lock, await this.#state(), claimed, record));
  }

  commitWith(
    { source, offset, endsAt }: LastChunk,
    claimed: BlobClaim,
    record?: CommitRecord,
  ): Promise<BlobDescriptor> {
    return this.#inTurn(async (lock) => {
      const before = await this.#state();
      if (endsAt === before.size) return this.#commit(lock, before, claimed, record);
      requireOffset(before, offset);
      const running = { source: new InterruptibleSource(source), acknowledgedSize: before.size };
      using _running = this.#context.turns.enter(this.id, running);
      try {
        const state = await this.#append(lock, running.source, before);
        return await this.#commit(lock, state, claimed, record);
      } catch (error) {
        await this.#rollBack(lock, before);
        throw error;
      }
    });
  }

  commitUnclaimed(): Promise<BlobDescriptor> {
    return this.#inTurn(async (lock) => {
      const state = await this.#state();
      return this.#publish(lock, state, await this.#hash(state, []));
    });
  }

  cancel(): Promise<void> {
    return this.#context.turns.end(this.id, () => this.#end());
  }

  async expire(unchangedSince: Date, endSession: () => Promise<unknown>): Promise<boolean> {
    const { driver, turns } = this.#context;
    if (turns.find(this.id) !== undefined) return false;
    try {
      return await this.#inTurn(async (lock) => {
        // Read it now: a request that held the upload until a moment ago may have changed it.
        const changedAt = await driver.uploadChangedAt(this.id);
        if (changedAt !== undefined && changedAt >= unchangedSince) return false;
        await this.#drop(lock);
        await endSession();
        return true;
      });
    } catch (error) {
      if (error instanceof RegistryError && IN_USE.has(error.fault)) return false;
      throw error;
    }
  }

  async #append(lock: UploadLock, source: ByteSource, state: UploadState): Promise<UploadState> {
    const { driver, hashes } = this.#context;
    // Without a hash of the stored bytes, there is no point in hashing the next ones: the commit reads everything
    // once.
    const hash = hashes.take(this.id, state.revision);
    let tapped = state.size;
    const tap = (piece: Uint8Array): Awaitable<void> => {
      tapped += piece.byteLength;
      return hash?.update(piece);
    };
    try {
      const appended = await driver.appendUpload(lock, state.size, source, tap);
      this.#keep(hash, appended, tapped);
      return appended;
    } catch (error) {
      // The client may come back for the rest, so keep the hash of the stored bytes.
      if (hash !== undefined) await this.#keepAfterFailure(hash, tapped);
      throw error;
    }
  }

  /** Drops what was appended since `before`, unless the upload no longer exists. */
  async #rollBack(lock: UploadLock, before: UploadState): Promise<void> {
    const { driver, hashes, hashThread } = this.#context;
    const state = await driver.statUpload(this.id);
    if (state === undefined || state.revision === before.revision) return;
    hashes.forget(this.id);
    const { size, revision } = await driver.truncateUpload(lock, before.size);
    if (size === 0) hashes.put(this.id, new UploadHash([], revision, hashThread));
  }

  async #commit(
    lock: UploadLock,
    state: UploadState,
    claimed: BlobClaim,
    record?: CommitRecord,
  ): Promise<BlobDescriptor> {
    if (claimed.size !== undefined && claimed.size !== state.size) {
      throw new RegistryError("size-mismatch", `the upload holds ${state.size} bytes, not ${claimed.size}`);
    }
    const hash = await this.#hash(state, [algorithmOf(claimed.digest)]);
    const actual = await hash.digest(algorithmOf(claimed.digest));
    if (actual !== claimed.digest) {
      throw new RegistryError("digest-mismatch", "the content does not match its digest", {
        detail: { expected: claimed.digest, actual },
      });
    }
    return this.#publish(lock, state, hash, record);
  }

  #keep(hash: UploadHash | undefined, state: UploadState | undefined, hashed: number): void {
    if (hash === undefined || state?.size !== hashed) return;
    hash.revision = state.revision;
    this.#context.hashes.put(this.id, hash);
  }

  async #keepAfterFailure(hash: UploadHash, hashed: number): Promise<void> {
    const state = await this.#context.driver.statUpload(this.id).catch(() => undefined);
    this.#keep(hash, state, hashed);
  }

  /** The hash of exactly the bytes in `state`, in the canonical algorithm and the given ones. */
  async #hash(state: UploadState, algorithms: readonly DigestAlgorithm[]): Promise<UploadHash> {
    const { driver, hashes } = this.#context;
    const kept = hashes.take(this.id, state.revision);
    if (kept !== undefined && algorithms.every((algorithm) => kept.covers(algorithm))) {
      hashes.put(this.id, kept);
      return kept;
    }
    const hash = new UploadHash(algorithms, state.revision);
    await hash.updateAll(driver.readUpload(this.id));
    hashes.put(this.id, hash);
    return hash;
  }

  async #publish(
    lock: UploadLock,
    state: UploadState,
    hash: UploadHash,
    record?: CommitRecord,
  ): Promise<BlobDescriptor> {
    const { driver } = this.#context;
    const digest = await hash.digest(CANONICAL_ALGORITHM);
    const blob = { digest, size: state.size };
    await record?.seal?.(blob);
    // Publish even if the content exists: the stored bytes may be damaged, and these are good.
    await driver.publishUpload(lock, digest, state.revision);
    await record?.link(blob);
    await this.#drop(lock);
    return blob;
  }

  async #end(): Promise<void> {
    this.#context.hashes.forget(this.id);
    const lock = await this.#context.driver.lockUpload(this.id);
    if (lock === undefined) return;
    if (lock === "busy") throw busyElsewhere();
    using held = lock;
    await this.#drop(held);
  }

  async #drop(lock: UploadLock): Promise<void> {
    this.#context.hashes.forget(this.id);
    await this.#context.driver.discardUpload(lock);
  }

  async #state(): Promise<UploadState> {
    const state = await this.#context.driver.statUpload(this.id);
    if (state === undefined) throw new RegistryError("upload-unknown", "there is no such upload");
    return state;
  }

  /** Waits for the upload's turn, and locks the upload in the store. */
  #inTurn<Result>(work: (lock: UploadLock) => Promise<Result>): Promise<Result> {
    return this.#context.turns.run(this.id, async () => {
      const lock = await this.#context.driver.lockUpload(this.id);
      if (lock === undefined) throw new RegistryError("upload-unknown", "there is no such upload");
      if (lock === "busy") throw busyElsewhere();
      using held = lock;
      return await work(held);
    });
  }
}

/** Another process has the upload, although it does not share our locks. */
function busyElsewhere(): RegistryError {
  return new RegistryError("upload-busy", "another process is working on this upload");
}

function requireOffset({ size }: UploadState, offset: number | undefined): void {
  if (offset === undefined || offset === size) return;
  throw new RegistryError("upload-out-of-order", `the upload holds ${size} bytes`, {
    detail: { size, offset },
  });
}
