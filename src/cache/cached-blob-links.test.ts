import { describe, expect, it } from "bun:test";
import { descriptorCacheContract, fillNow } from "../../test/contracts/descriptor-cache.contract.ts";
import { ELSEWHERE, REPOSITORY } from "../../test/contracts/metadata-store-samples.ts";
import {
  LINKED_ALIAS as ALIAS,
  LINKED_BLOB as BLOB,
  createAuthority,
} from "../../test/support/blob-authority.ts";
import { delegating } from "../../test/support/delegating.ts";
import { eventually } from "../../test/support/eventually.ts";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { nextTurn } from "../concurrency/next-turn.ts";
import { createLogger } from "../log.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { CachedBlobLinks } from "./cached-blob-links.ts";
import { MemoryDescriptorCache } from "./memory-descriptor-cache.ts";

const SILENT = createLogger("silent");
const CIRCUIT = { deadlineMs: 50, probeIntervalMs: 20 };

/** A cache that a test can make fail or hang. */
class FragileCache extends MemoryDescriptorCache {
  state: "well" | "failing" | "hung" = "well";
  calls = 0;
  constructor() {
    super({ maxEntries: 100 });
  }
  async #suffer(): Promise<void> {
    this.calls += 1;
    if (this.state === "failing") throw new Error("connection refused");
    if (this.state === "hung") await new Promise(() => {});
  }
  override async find(repository: RepositoryName, digest: Digest) {
    await this.#suffer();
    return super.find(repository, digest);
  }
  override async prepareFill() {
    await this.#suffer();
    return super.prepareFill();
  }
  override async clear(repository: RepositoryName, digest?: Digest) {
    await this.#suffer();
    await super.clear(repository, digest);
  }
  override check() {
    return this.#suffer();
  }
}

descriptorCacheContract("a fragile cache while it is well", async () => ({
  cache: new FragileCache(),
  async [Symbol.asyncDispose]() {},
}));

describe("CachedBlobLinks", () => {
  it("asks the authority once, then answers from the cache", async () => {
    await using authority = await createAuthority();
    using statter = new CachedBlobLinks(authority.links, new FragileCache(), SILENT);
    for (let round = 0; round < 3; round += 1) {
      expect(await statter.findLinkedBlob(REPOSITORY, BLOB.digest)).toEqual(BLOB);
    }
    expect(authority.asked()).toBe(1);
    expect(statter.counts()).toEqual({ hits: 2, misses: 1, errors: 0, fills: 1, bypasses: 0 });
  });

  it("does not cache absence", async () => {
    await using authority = await createAuthority();
    using statter = new CachedBlobLinks(authority.links, new FragileCache(), SILENT);
    expect(await statter.findLinkedBlob(ELSEWHERE, BLOB.digest)).toBeUndefined();
    await statter.linkBlob(ELSEWHERE, BLOB, [BLOB.digest]);
    expect(await statter.findLinkedBlob(ELSEWHERE, BLOB.digest)).toEqual(BLOB);
    expect(await statter.listRepositoriesLinking(BLOB.digest, { limit: 9 })).toEqual([REPOSITORY, ELSEWHERE]);
  });

  it("forgets a blob under all its digests before a delete by any of them is acknowledged", async () => {
    for (const deleted of [BLOB.digest, ALIAS]) {
      await using authority = await createAuthority();
      using statter = new CachedBlobLinks(authority.links, new FragileCache(), SILENT);
      await statter.findLinkedBlob(REPOSITORY, ALIAS);
      await statter.findLinkedBlob(REPOSITORY, BLOB.digest);
      expect(await statter.unlinkBlob(REPOSITORY, deleted)).toBe(true);
      expect(await statter.findLinkedBlob(REPOSITORY, ALIAS)).toBeUndefined();
      expect(await statter.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
      expect(await statter.unlinkBlob(REPOSITORY, deleted)).toBe(false);
    }
  });

  it("does not cache what a miss read before a delete", async () => {
    await using authority = await createAuthority();
    const read = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const slow = delegating(authority.links, {
      async findLinkedBlob(repository, digest) {
        const found = await authority.links.findLinkedBlob(repository, digest);
        read.resolve();
        await goOn.promise;
        return found;
      },
    });
    const cache = new FragileCache();
    using reading = new CachedBlobLinks(slow, cache, SILENT);
    using deleting = new CachedBlobLinks(authority.links, cache, SILENT);
    const answer = reading.findLinkedBlob(REPOSITORY, BLOB.digest);
    await read.promise;
    expect(await deleting.unlinkBlob(REPOSITORY, BLOB.digest)).toBe(true);
    goOn.resolve();
    expect(await answer).toEqual(BLOB);
    await nextTurn();
    expect(await deleting.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
  });

  it("clears the cache for a delete whose first attempt died", async () => {
    await using authority = await createAuthority();
    const cache = new FragileCache();
    using statter = new CachedBlobLinks(authority.links, cache, SILENT);
    await statter.findLinkedBlob(REPOSITORY, BLOB.digest);
    await authority.links.unlinkBlob(REPOSITORY, BLOB.digest);
    expect(await statter.unlinkBlob(REPOSITORY, BLOB.digest)).toBe(false);
    expect(await statter.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
  });

  it("rethrows the authority's errors, and does not count them as cache failures", async () => {
    await using authority = await createAuthority();
    const failure = new Error("database is locked");
    const failing = delegating(authority.links, { findLinkedBlob: () => Promise.reject(failure) });
    using statter = new CachedBlobLinks(failing, new FragileCache(), SILENT);
    await expect(statter.findLinkedBlob(REPOSITORY, BLOB.digest)).rejects.toBe(failure);
    expect(statter.counts().errors).toBe(0);
  });
});

describe("CachedBlobLinks with a broken cache", () => {
  const lookUp = (statter: CachedBlobLinks) =>
    Promise.resolve(statter.findLinkedBlob(REPOSITORY, BLOB.digest));

  it.each([
    ["failing", 0],
    ["hung", CIRCUIT.deadlineMs],
  ] as const)(
    "waits for it once, at most until the deadline, and then no more: %s",
    async (state, waitMs) => {
      await using authority = await createAuthority();
      const clock = new ManualClock();
      const cache = new FragileCache();
      cache.state = state;
      using statter = new CachedBlobLinks(authority.links, cache, SILENT, CIRCUIT, clock);
      const answer = lookUp(statter);
      if (waitMs > 0) {
        await clock.advance(waitMs - 1);
        expect(Bun.peek.status(answer)).toBe("pending");
        await clock.advance(1);
      }
      expect(await answer).toEqual(BLOB);
      const { calls } = cache;
      for (let round = 0; round < 100; round += 1) expect(await lookUp(statter)).toEqual(BLOB);
      expect(cache.calls).toBe(calls);
      expect(statter.counts()).toMatchObject({ errors: 1, bypasses: 100, hits: 0 });
    },
  );

  it("uses the cache again after a probe succeeds", async () => {
    await using authority = await createAuthority();
    const clock = new ManualClock();
    const cache = new FragileCache();
    using statter = new CachedBlobLinks(authority.links, cache, SILENT, CIRCUIT, clock);
    cache.state = "failing";
    await lookUp(statter);
    await clock.advance(2 * CIRCUIT.probeIntervalMs);
    expect(statter.counts()).toMatchObject({ errors: 3 });
    cache.state = "well";
    await lookUp(statter);
    expect(statter.counts()).toMatchObject({ bypasses: 1, fills: 0 });
    await clock.advance(CIRCUIT.probeIntervalMs);
    await lookUp(statter);
    await nextTurn();
    await lookUp(statter);
    expect(statter.counts()).toMatchObject({ bypasses: 1, hits: 1, fills: 1 });
  });

  it("repeats a failed clear before it uses the cache again", async () => {
    await using authority = await createAuthority();
    const clock = new ManualClock();
    const cache = new FragileCache();
    using statter = new CachedBlobLinks(authority.links, cache, SILENT, CIRCUIT, clock);
    await fillNow(cache, REPOSITORY, BLOB.digest, BLOB);
    cache.state = "hung";
    const unlinking = statter.unlinkBlob(REPOSITORY, BLOB.digest);
    await eventually(() => clock.waiting > 0);
    await clock.advance(CIRCUIT.deadlineMs);
    expect(await unlinking).toBe(true);
    cache.state = "failing";
    await clock.advance(CIRCUIT.probeIntervalMs);
    expect(await lookUp(statter)).toBeUndefined();
    cache.state = "well";
    expect(await lookUp(statter)).toBeUndefined();
    expect(statter.counts()).toMatchObject({ bypasses: 2, misses: 0 });
    await clock.advance(CIRCUIT.probeIntervalMs);
    expect(await lookUp(statter)).toBeUndefined();
    expect(statter.counts()).toMatchObject({ bypasses: 2, misses: 1 });
    expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
  });
});
