import { describe, expect, it } from "bun:test";
import type { DescriptorCache } from "../../src/cache/descriptor-cache.ts";
import type { BlobDescriptor } from "../../src/content/blob-services.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { type ContractCase, ELSEWHERE, REPOSITORY } from "./metadata-store-samples.ts";

const BLOB: BlobDescriptor = { digest: digestOf("blob"), size: 4 };
const OTHER: BlobDescriptor = { digest: digestOf("other"), size: 5 };
const ALIAS = digestOf("blob", "sha512");

/** Fills the cache as a miss does. */
export async function fillNow(
  cache: DescriptorCache,
  repository = REPOSITORY,
  digest: Digest = BLOB.digest,
  descriptor = BLOB,
): Promise<void> {
  await cache.fill(repository, digest, descriptor, await cache.prepareFill(repository));
}

/** The contract of every {@link DescriptorCache}. Each case gets an empty one. */
export const DESCRIPTOR_CACHE_CASES: readonly ContractCase<DescriptorCache>[] = [
  {
    name: "is empty at first",
    async run(cache) {
      expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
      await cache.clear(REPOSITORY, BLOB.digest);
      await cache.clear(REPOSITORY);
      await cache.check();
    },
  },
  {
    name: "returns what it was filled with",
    async run(cache) {
      await fillNow(cache);
      const large = { digest: OTHER.digest, size: 2 ** 52 };
      await fillNow(cache, REPOSITORY, OTHER.digest, large);
      expect(await cache.find(REPOSITORY, BLOB.digest)).toEqual(BLOB);
      expect(await cache.find(REPOSITORY, OTHER.digest)).toEqual(large);
    },
  },
  {
    name: "remembers the empty blob",
    async run(cache) {
      const empty = { digest: digestOf(""), size: 0 };
      await fillNow(cache, REPOSITORY, empty.digest, empty);
      expect(await cache.find(REPOSITORY, empty.digest)).toEqual(empty);
    },
  },
  {
    name: "does not use the membership of one repository for another",
    async run(cache) {
      await fillNow(cache);
      expect(await cache.find(ELSEWHERE, BLOB.digest)).toBeUndefined();
    },
  },
  {
    name: "answers for an alias with the canonical descriptor, and for the canonical digest as well",
    async run(cache) {
      await fillNow(cache, REPOSITORY, ALIAS, BLOB);
      expect(await cache.find(REPOSITORY, ALIAS)).toEqual(BLOB);
      expect(await cache.find(REPOSITORY, BLOB.digest)).toEqual(BLOB);
    },
  },
  {
    name: "forgets one membership when it is cleared, and keeps the others",
    async run(cache) {
      await fillNow(cache);
      await fillNow(cache, REPOSITORY, OTHER.digest, OTHER);
      await fillNow(cache, ELSEWHERE);
      await cache.clear(REPOSITORY, BLOB.digest);
      expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
      expect(await cache.find(REPOSITORY, OTHER.digest)).toEqual(OTHER);
      expect(await cache.find(ELSEWHERE, BLOB.digest)).toEqual(BLOB);
    },
  },
  {
    // CVE-2026-35172: the descriptor alone, stored for another repository, must not restore membership.
    name: "does not restore a cleared membership when another repository fills the same blob",
    async run(cache) {
      await fillNow(cache);
      await cache.clear(REPOSITORY, BLOB.digest);
      await fillNow(cache, ELSEWHERE);
      await fillNow(cache, ELSEWHERE, ALIAS, BLOB);
      expect(await cache.find(ELSEWHERE, BLOB.digest)).toEqual(BLOB);
      expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
    },
  },
  {
    name: "forgets an alias along with the canonical digest",
    async run(cache) {
      await fillNow(cache, REPOSITORY, ALIAS, BLOB);
      await cache.clear(REPOSITORY, BLOB.digest);
      expect(await cache.find(REPOSITORY, ALIAS)).toBeUndefined();
      expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
      await fillNow(cache, ELSEWHERE, ALIAS, BLOB);
      expect(await cache.find(REPOSITORY, ALIAS)).toBeUndefined();
    },
  },
  {
    name: "does not restore an alias when only its canonical digest is filled again",
    async run(cache) {
      await fillNow(cache, REPOSITORY, ALIAS, BLOB);
      await fillNow(cache);
      expect(await cache.find(REPOSITORY, ALIAS)).toEqual(BLOB);
      await cache.clear(REPOSITORY, BLOB.digest);
      await fillNow(cache);
      expect(await cache.find(REPOSITORY, BLOB.digest)).toEqual(BLOB);
      expect(await cache.find(REPOSITORY, ALIAS)).toBeUndefined();
    },
  },
  {
    name: "forgets an alias that is cleared by its own name",
    async run(cache) {
      await fillNow(cache, REPOSITORY, ALIAS, BLOB);
      await cache.clear(REPOSITORY, ALIAS);
      expect(await cache.find(REPOSITORY, ALIAS)).toBeUndefined();
    },
  },
  {
    name: "forgets all memberships of a repository, and keeps the others",
    async run(cache) {
      await fillNow(cache);
      await fillNow(cache, REPOSITORY, OTHER.digest, OTHER);
      await fillNow(cache, ELSEWHERE);
      await cache.clear(REPOSITORY);
      expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
      expect(await cache.find(REPOSITORY, OTHER.digest)).toBeUndefined();
      expect(await cache.find(ELSEWHERE, BLOB.digest)).toEqual(BLOB);
    },
  },
  {
    name: "does not fill what was read before a clear of that blob",
    async run(cache) {
      const ticket = await cache.prepareFill(REPOSITORY);
      await cache.clear(REPOSITORY, BLOB.digest);
      await cache.fill(REPOSITORY, BLOB.digest, BLOB, ticket);
      expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
      await fillNow(cache);
      expect(await cache.find(REPOSITORY, BLOB.digest)).toEqual(BLOB);
    },
  },
  {
    name: "does not fill an alias with what was read before its canonical digest, or everything, was cleared",
    async run(cache) {
      for (const cleared of [BLOB.digest, undefined]) {
        const ticket = await cache.prepareFill(REPOSITORY);
        await cache.clear(REPOSITORY, cleared);
        await fillNow(cache, ELSEWHERE);
        await cache.fill(REPOSITORY, ALIAS, BLOB, ticket);
        expect(await cache.find(REPOSITORY, ALIAS)).toBeUndefined();
        expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
      }
    },
  },
  {
    name: "serves many callers at once",
    async run(cache) {
      const blobs = Array.from({ length: 100 }, (_, size) => ({ digest: digestOf(`blob ${size}`), size }));
      await Promise.all(blobs.map((blob) => fillNow(cache, REPOSITORY, blob.digest, blob)));
      const found = await Promise.all(blobs.map(({ digest }) => cache.find(REPOSITORY, digest)));
      expect(found).toEqual(blobs);
    },
  },
];

/** Registers the contract's tests for one implementation. `create` returns an empty cache. */
export function descriptorCacheContract(
  name: string,
  create: () => Promise<{ readonly cache: DescriptorCache } & AsyncDisposable>,
): void {
  describe(`DescriptorCache contract: ${name}`, () => {
    for (const { name: behaviour, run } of DESCRIPTOR_CACHE_CASES) {
      it(behaviour, async () => {
        await using created = await create();
        await run(created.cache);
      });
    }
  });
}
