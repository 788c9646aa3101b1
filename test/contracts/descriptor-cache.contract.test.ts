import { expect, it } from "bun:test";
import type { DescriptorCache, FillTicket } from "../../src/cache/descriptor-cache.ts";
import { MemoryDescriptorCache } from "../../src/cache/memory-descriptor-cache.ts";
import type { BlobDescriptor } from "../../src/content/blob-services.ts";
import type { Digest } from "../../src/oci/digest.ts";
import type { RepositoryName } from "../../src/oci/repository-name.ts";
import { DESCRIPTOR_CACHE_CASES } from "./descriptor-cache.contract.ts";

/** The contract's cases that a cache fails. */
async function failedCases(create: () => DescriptorCache): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, run } of DESCRIPTOR_CACHE_CASES) await run(create()).catch(() => failed.push(name));
  return failed;
}

class FillsLate extends MemoryDescriptorCache {
  override async fill(repository: RepositoryName, digest: Digest, descriptor: BlobDescriptor): Promise<void> {
    await super.fill(repository, digest, descriptor, await this.prepareFill());
  }
}

class LeavesMembership extends MemoryDescriptorCache {
  readonly #members = new Map<string, BlobDescriptor>();
  override async fill(
    repository: RepositoryName,
    digest: Digest,
    descriptor: BlobDescriptor,
    ticket: FillTicket,
  ): Promise<void> {
    await super.fill(repository, digest, descriptor, ticket);
    this.#members.set(`${repository}@${digest}`, descriptor);
    this.#blobs.set(digest, descriptor);
  }
  readonly #blobs = new Map<Digest, BlobDescriptor>();
  override async find(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined> {
    return this.#members.has(`${repository}@${digest}`) ? this.#blobs.get(digest) : undefined;
  }
  override async clear(repository: RepositoryName, digest?: Digest): Promise<void> {
    await super.clear(repository, digest);
    if (digest !== undefined) this.#blobs.delete(digest);
  }
}

it("passes a correct cache", async () => {
  expect(await failedCases(() => new MemoryDescriptorCache({ maxEntries: 1000 }))).toEqual([]);
});

it.each([
  [
    "fills what was read before a clear",
    FillsLate,
    "does not fill what was read before a clear of that blob",
  ],
  [
    "clears the descriptor and leaves the membership",
    LeavesMembership,
    "does not restore a cleared membership when another repository fills the same blob",
  ],
])("fails a cache that %s", async (_fault, Cache, behaviour) => {
  expect(await failedCases(() => new Cache({ maxEntries: 1000 }))).toContain(behaviour);
});
