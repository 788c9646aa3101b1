import { Semaphore } from "../concurrency/semaphore.ts";
import type { Platform } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { WorkerClient } from "../threads/worker-client.ts";
import { type IndexEntries, IndexMemory } from "./index-memory.ts";
import { type ManifestPush, type ReadManifest, readManifest } from "./manifest-reading.ts";
import type { ManifestAnswer, ManifestQuestion } from "./manifest-thread-worker.ts";

/** Manifests up to this many bytes are parsed directly, which takes less time than asking a thread. */
const SMALL_BYTES = 16 * 1024;
/** Approximate limit of the remembered small indexes, in bytes. */
const MEMORY_BYTES = 2 * 1024 * 1024;

/** An index or list to look up entries in. */
export interface ReadableIndex {
  readonly digest: Digest;
  readonly size: number;
  /** Reads all of it; called only if it is not remembered. */
  readonly load: () => Promise<Uint8Array>;
}

/**
 * Parses manifests, and remembers the entries of indexes.
 *
 * It parses small ones directly, and large ones in a thread, one after another. So large ones do not delay other
 * requests, and only one takes memory at a time.
 */
export class ManifestThread implements Disposable {
  readonly #indexes = new IndexMemory(MEMORY_BYTES);
  /** Large indexes are loaded one at a time. */
  readonly #loading = new Semaphore({ places: 1 });
  readonly #thread: WorkerClient<ManifestQuestion, ManifestAnswer>;

  /** @param onFailure called when the thread fails, before it is replaced */
  constructor(onFailure?: (failure: Error) => void) {
    const start = () => new Worker(new URL("./manifest-thread-worker.ts", import.meta.url));
    this.#thread = new WorkerClient({ start, onFailure });
  }

  /** Reads a manifest. @throws {RegistryError} like {@link readManifest} */
  async read(push: ManifestPush): Promise<ReadManifest> {
    if (push.bytes.byteLength <= SMALL_BYTES) return readManifest(push);
    const { read, refused } = await this.#thread.ask({ kind: "read", push });
    if (read !== undefined) return read;
    if (refused === undefined) throw new Error("the thread returned no result for a manifest");
    throw new RegistryError(refused.fault, refused.message, { detail: refused.detail });
  }

  /** At most `limit` entries of an index after `after`, in ascending order of digest. */
  async entriesAfter(index: ReadableIndex, after: Digest | undefined, limit: number): Promise<IndexEntries> {
    const found = await this.#ask(
      index,
      (memory) => memory.entriesAfter(index.digest, after, limit),
      async () => (await this.#thread.ask({ kind: "entries", index: index.digest, after, limit })).entries,
    );
    return found ?? { digests: [], more: false };
  }

  /** The first entry of an index or list for a platform. */
  async childFor(
    index: ReadableIndex,
    platform: Pick<Platform, "os" | "architecture">,
  ): Promise<Digest | undefined> {
    const found = await this.#ask(
      index,
      (memory) => memory.childFor(index.digest, platform),
      async () => (await this.#thread.ask({ kind: "child", index: index.digest, platform })).child,
    );
    return found?.child;
  }

  /** Ends the thread; pending calls fail. */
  [Symbol.dispose](): void {
    this.#thread[Symbol.dispose]();
  }

  /** The remembered facts of an index; loads it first if needed. */
  async #ask<Answer>(
    index: ReadableIndex,
    here: (memory: IndexMemory) => Answer | undefined,
    inThread: () => Promise<Answer | undefined>,
  ): Promise<Answer | undefined> {
    if (index.size <= SMALL_BYTES) {
      const known = here(this.#indexes);
      if (known !== undefined) return known;
      this.#indexes.remember(index.digest, await index.load());
      return here(this.#indexes);
    }
    return (await inThread()) ?? this.#loading.run(() => this.#loadAndAsk(index, inThread));
  }

  async #loadAndAsk<Answer>(
    { digest, load }: ReadableIndex,
    inThread: () => Promise<Answer | undefined>,
  ): Promise<Answer | undefined> {
    // Another request may have loaded it in the meantime.
    const known = await inThread();
    if (known !== undefined) return known;
    await this.#thread.ask({ kind: "remember", index: digest, bytes: await load() });
    return inThread();
  }
}
