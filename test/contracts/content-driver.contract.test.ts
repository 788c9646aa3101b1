import { expect, it } from "bun:test";
import type { ByteRange } from "../../src/bytes/byte-range.ts";
import type { ByteSource } from "../../src/bytes/byte-source.ts";
import {
  type ContentDriver,
  createUploadId,
  type UploadLock,
  type UploadState,
} from "../../src/content/content-driver.ts";
import { MemoryDriver } from "../../src/content/memory-driver.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { CONTENT_DRIVER_CASES } from "./content-driver.contract.ts";
import { appendUpload, chunks } from "./content-driver-samples.ts";

/** Whether a driver passes the named case of the contract. */
async function passes(name: string, create: () => ContentDriver): Promise<boolean> {
  const found = CONTENT_DRIVER_CASES.find((each) => each.name === name);
  if (found === undefined) throw new Error(`the contract has no case "${name}"`);
  await using driver = create();
  return await found.run(driver).then(
    () => true,
    () => false,
  );
}

const BOUNDS = { maxBytes: 64 << 20 };

class WritesInPlace extends MemoryDriver {
  #lookedAt: (() => void) | undefined;
  override async publishUpload(lock: UploadLock, digest: Digest, revision: string): Promise<void> {
    const [half] = await Array.fromAsync(this.readUpload(lock.id));
    const partial = createUploadId();
    await this.createUpload(partial);
    const state = await appendUpload(this, partial, 0, chunks([half?.subarray(0, 2) ?? ""]), () => {});
    using held = this.lockUpload(partial) as UploadLock;
    await super.publishUpload(held, digest, state.revision);
    await new Promise<void>((resolve) => {
      this.#lookedAt = resolve;
    });
    await super.publishUpload(lock, digest, revision);
  }

  override async stat(digest: Digest) {
    const found = await super.stat(digest);
    this.#lookedAt?.();
    return found;
  }
}

class EndsShort extends MemoryDriver {
  override async open(digest: Digest, _size: number, range?: ByteRange): Promise<Blob | undefined> {
    const stored = await this.stat(digest);
    return stored && super.open(digest, stored.size, range);
  }
}

class SwallowsTheSourcesError extends MemoryDriver {
  override async appendUpload(
    lock: UploadLock,
    offset: number,
    source: ByteSource,
    tap: (chunk: Uint8Array) => void,
  ): Promise<UploadState> {
    const tolerant = async function* () {
      try {
        yield* source;
      } catch {
        // This is the fault of this driver: a broken source looks like one that ended.
      }
    };
    return super.appendUpload(lock, offset, tolerant(), tap);
  }
}

class KeepsTheSourcesBuffers extends MemoryDriver {
  override async appendUpload(
    lock: UploadLock,
    offset: number,
    source: ByteSource,
    tap: (chunk: Uint8Array) => void,
  ): Promise<UploadState> {
    const held = await Array.fromAsync(source);
    return super.appendUpload(lock, offset, chunks(held), tap);
  }
}

class PublishesWhateverIsThere extends MemoryDriver {
  override async publishUpload(lock: UploadLock, digest: Digest): Promise<void> {
    const state = await this.statUpload(lock.id);
    await super.publishUpload(lock, digest, state?.revision ?? "");
  }
}

// The memory driver itself passes all cases in memory-driver.test.ts.
it.each([
  ["writes in place", WritesInPlace, "never shows part of a blob while it is published"],
  ["ends a short blob cleanly", EndsShort, "does not open a blob of an unexpected size"],
  [
    "treats a broken source as one that ended",
    SwallowsTheSourcesError,
    "keeps the bytes from before the source failed, and rethrows its error",
  ],
  ["keeps the source's buffers", KeepsTheSourcesBuffers, "keeps none of the source's own buffers"],
  [
    "publishes bytes that were not hashed",
    PublishesWhateverIsThere,
    "does not publish an upload that changed after its revision was read",
  ],
])("fails a driver that %s", async (_fault, Driver, behaviour) => {
  expect(await passes(behaviour, () => new MemoryDriver(BOUNDS))).toBe(true);
  expect(await passes(behaviour, () => new Driver(BOUNDS))).toBe(false);
});
