import { expect, it } from "bun:test";
import { descriptorCacheContract, fillNow } from "../../test/contracts/descriptor-cache.contract.ts";
import { REPOSITORY } from "../../test/contracts/metadata-store-samples.ts";
import { digestOf } from "../oci/digest.ts";
import { MemoryDescriptorCache } from "./memory-descriptor-cache.ts";

const BLOB = { digest: digestOf("blob"), size: 4 };

descriptorCacheContract("memory", async () => ({
  cache: new MemoryDescriptorCache({ maxEntries: 1000 }),
  async [Symbol.asyncDispose]() {},
}));

it("keeps no more entries than its limit, the most recently used ones", async () => {
  const cache = new MemoryDescriptorCache({ maxEntries: 10 });
  const digests = Array.from({ length: 30 }, (_, index) => digestOf(String(index)));
  for (const digest of digests) await fillNow(cache, REPOSITORY, digest, { digest, size: 1 });
  const found = await Promise.all(digests.map((digest) => cache.find(REPOSITORY, digest)));
  expect(found.map((blob) => blob !== undefined)).toEqual(digests.map((_, index) => index >= 20));
});

it("forgets everything when the epoch changes, and does not store what was read before", async () => {
  let epoch: number | undefined = 1;
  const cache = new MemoryDescriptorCache({ maxEntries: 10, epoch: () => epoch });
  await fillNow(cache);
  expect(await cache.find(REPOSITORY, BLOB.digest)).toEqual(BLOB);
  const ticket = await cache.prepareFill();
  epoch = 2;
  expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
  await cache.fill(REPOSITORY, BLOB.digest, BLOB, ticket);
  expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
  epoch = undefined;
  await fillNow(cache);
  expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
  epoch = 2;
  await fillNow(cache);
  expect(await cache.find(REPOSITORY, BLOB.digest)).toEqual(BLOB);
});
