import type { ByteSource } from "../bytes/byte-source.ts";
import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import { InterruptibleSource } from "../bytes/interruptible-source.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import { algorithmOf, CANONICAL_ALGORITHM } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { BlobClaim, BlobDescriptor, BlobUpload, LastChunk, RecordBlob } from "./blob-services.ts";
import type { ContentDriver, UploadId, UploadState } from "./content-driver.ts";
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
    return this.#inTurn(async () => {
      const state = await this.#state();
      requireOffset(state, offset);
      const interruptible = new InterruptibleSource(source);
      using _running = this.#context.turns.enter(this.id, { source: interruptible });
      const { size } = await this.#append(interruptible, state);
      await confirm?.();
      return size;
    });
  }

  commit(claimed: BlobClaim, record?: RecordBlob): Promise<BlobDescriptor> {
    return this.#inTurn(async () => this.#commit(await this.#state(), claimed, record));
  }

  commitWith(
    { source, offset }: LastChunk,
    claimed: BlobClaim,
    record?: RecordBlob,
  ): Promise<BlobDescriptor> {
    return this.#inTurn(async () => {
      const before = await this.#state();
      requireOffset(before, offset);
      const running = { source: new InterruptibleSource(source), acknowledgedSize: before.size };
      using _running = this.#context.turns.enter(this.id, running);
      try {
        return await this.#commit(await this.#append(running.source, before), claimed, record);
      } catch (error) {
        await this.#rollBack(before);
        throw error;
      }
    });
  }

  commitUnclaimed(): Promise<BlobDescriptor> {
    return this.#inTurn(async () => {
      const state = await this.#state();
      return this.#publish(state, await this.#hash(state, []));
    });
  }

  cancel(): Promise<void> {
    return this.#context.turns.end(this.id, () => this.#end());
  }

  async #append(source: ByteSource, state: UploadState): Promise<UploadState> {
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
      const appended = await driver.appendUpload(this.id, state.size, source, tap);
      this.#keep(hash, appended, tapped);
      return appended;
    } catch (error) {
      // The client may come back for the rest, so keep the hash of the stored bytes.
      if (hash !== undefined) await this.#keepAfterFailure(hash, tapped);
      throw error;
    }
  }

  /** Drops what was appended since `before`, unless the upload no longer exists. */
  async #rollBack(before: UploadState): Promise<void> {
    const { driver, hashes, hashThread } = this.#context;
    const state = await driver.statUpload(this.id);
    if (state === undefined || state.revision === before.revision) return;
    hashes.forget(this.id);
    const { size, revision } = await driver.truncateUpload(this.id, before.size);
    if (size === 0) hashes.put(this.id, new UploadHash([], revision, hashThread));
  }

  async #commit(state: UploadState, claimed: BlobClaim, record?: RecordBlob): Promise<BlobDescriptor> {
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
    return this.#publish(state, hash, record);
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

  async #publish(state: UploadState, hash: UploadHash, record?: RecordBlob): Promise<BlobDescriptor> {
    const { driver } = this.#context;
    const digest = await hash.digest(CANONICAL_ALGORITHM);
    // Publish even if the content exists: the stored bytes may be damaged, and these are good.
    await driver.publishUpload(this.id, digest, state.revision);
    const blob = { digest, size: state.size };
    await record?.(blob);
    await this.#end();
    return blob;
  }

  async #end(): Promise<void> {
    this.#context.hashes.forget(this.id);
    await this.#context.driver.discardUpload(this.id);
  }

  async #state(): Promise<UploadState> {
    const state = await this.#context.driver.statUpload(this.id);
    if (state === undefined) throw new RegistryError("upload-unknown", "there is no such upload");
    return state;
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#context.turns.run(this.id, work);
  }
}

function requireOffset({ size }: UploadState, offset: number | undefined): void {
  if (offset === undefined || offset === size) return;
  throw new RegistryError("upload-out-of-order", `the upload holds ${size} bytes`, {
    detail: { size, offset },
  });
}
