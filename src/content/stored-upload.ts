import type { Awaitable } from "../oci/awaitable.ts";
import type { ByteSource } from "../oci/byte-source.ts";
import type { DigestAlgorithm } from "../oci/content-hash.ts";
import { algorithmOf, CANONICAL_ALGORITHM, type Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { WorkLocks } from "../oci/work-locks.ts";
import type { BlobDescriptor, BlobUpload } from "./blob-services.ts";
import type { ContentDriver, UploadId, UploadState } from "./content-driver.ts";
import type { HashThread } from "./hash-thread.ts";
import { UploadHash, type UploadHashes } from "./upload-hash.ts";

/** What all uploads of one store share. */
export interface UploadContext {
  readonly driver: ContentDriver;
  readonly locks: WorkLocks;
  readonly hashes: UploadHashes;
  readonly hashThread: HashThread | undefined;
}

/**
 * An upload whose bytes a driver holds.
 *
 * Has no state of its own: every call takes the id's lock, asks the driver where the upload stands, and goes on
 * from there. So any number of these, in any number of requests, mean the same upload.
 */
export class StoredUpload implements BlobUpload {
  readonly id: UploadId;
  readonly #context: UploadContext;

  constructor(id: UploadId, context: UploadContext) {
    this.id = id;
    this.#context = context;
  }

  size(): Promise<number> {
    return this.#locked(async () => (await this.#state()).size);
  }

  append(source: ByteSource, offset?: number): Promise<number> {
    return this.#locked(async () => {
      const state = await this.#state();
      if (offset !== undefined && offset !== state.size) {
        throw new RegistryError("upload-out-of-order", `the upload holds ${state.size} bytes`, {
          detail: { size: state.size, offset },
        });
      }
      return this.#append(source, state);
    });
  }

  commit(claimed: { readonly digest: Digest; readonly size?: number }): Promise<BlobDescriptor> {
    return this.#locked(async () => {
      const state = await this.#state();
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
      return this.#publish(state, hash);
    });
  }

  commitUnclaimed(): Promise<BlobDescriptor> {
    return this.#locked(async () => {
      const state = await this.#state();
      return this.#publish(state, await this.#hash(state, []));
    });
  }

  cancel(): Promise<boolean> {
    return this.#locked(async () => {
      const present = (await this.#context.driver.statUpload(this.id)) !== undefined;
      await this.#end();
      return present;
    });
  }

  async #append(source: ByteSource, state: UploadState): Promise<number> {
    const { driver, hashes } = this.#context;
    // Without a hash of what is there, hashing what follows is of no use: the commit reads it all, once.
    const hash = hashes.take(this.id, state.revision);
    let tapped = state.size;
    const tap = (piece: Uint8Array): Awaitable<void> => {
      tapped += piece.byteLength;
      return hash?.update(piece);
    };
    try {
      const appended = await driver.appendUpload(this.id, state.size, source, tap);
      this.#keep(hash, appended, tapped);
      return appended.size;
    } catch (error) {
      // A client that hung up comes back for the rest: the hash goes on where the bytes end.
      if (hash !== undefined) await this.#keepAfterFailure(hash, tapped);
      throw error;
    }
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

  /** The hash of exactly the bytes at `state`, covering the canonical algorithm and those asked for. */
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

  async #publish(state: UploadState, hash: UploadHash): Promise<BlobDescriptor> {
    const { driver } = this.#context;
    const digest = await hash.digest(CANONICAL_ALGORITHM);
    // Content that is there already is kept, unless it lost or gained bytes: then this upload heals it.
    if (!(await driver.renewBlob(digest, state.size))) {
      await driver.publishUpload(this.id, digest, state.revision);
    }
    await this.#end();
    return { digest, size: state.size };
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

  #locked<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#context.locks.run(`upload/${this.id}`, work);
  }
}
