import { expect, it } from "bun:test";
import { REPOSITORY } from "../../test/contracts/metadata-store-samples.ts";
import { LINKED_BLOB as BLOB, createAuthority } from "../../test/support/blob-authority.ts";
import { eventually } from "../../test/support/eventually.ts";
import { findRedis, RedisServer } from "../../test/support/redis.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { createLogger } from "../log.ts";
import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import { CachedBlobLinks } from "./cached-blob-links.ts";
import { RedisDescriptorCache } from "./redis-descriptor-cache.ts";

const CIRCUIT = { deadlineMs: 50, probeIntervalMs: 50 };

/** The blob links of one instance, with a separate connection. */
async function connect(links: BlobLinks, redis: RedisServer) {
  const cache = new RedisDescriptorCache({ url: redis.url });
  const cachedLinks = new CachedBlobLinks(links, cache, createLogger("silent"), CIRCUIT);
  await cachedLinks.start();
  return {
    cachedLinks,
    [Symbol.dispose]() {
      cachedLinks[Symbol.dispose]();
      cache[Symbol.dispose]();
    },
  };
}

/** Looks up a blob until `happened` returns true. */
async function lookUpUntil(cachedLinks: CachedBlobLinks, happened: () => boolean): Promise<void> {
  await eventually(async () => {
    expect(await cachedLinks.findLinkedBlob(REPOSITORY, BLOB.digest)).toEqual(BLOB);
    return happened();
  });
}

describeWith("CachedBlobLinks with Redis", findRedis() !== undefined, "redis-server is not installed", () => {
  it("answers correctly while Redis hangs, dies, comes back and is emptied, and uses it again each time", async () => {
    await using authority = await createAuthority();
    await using redis = await RedisServer.start();
    using instance = await connect(authority.links, redis);
    const { cachedLinks } = instance;
    const counts = () => cachedLinks.counts();
    const hitAgain = () => {
      const { hits } = counts();
      return () => counts().hits > hits;
    };
    const bypassed = () => {
      const { bypasses } = counts();
      return () => counts().bypasses > bypasses + 20;
    };
    await lookUpUntil(cachedLinks, hitAgain());
    redis.signal("SIGSTOP");
    await lookUpUntil(cachedLinks, bypassed());
    redis.signal("SIGCONT");
    await lookUpUntil(cachedLinks, hitAgain());
    await redis.command("FLUSHALL");
    await lookUpUntil(cachedLinks, hitAgain());
    await redis.kill();
    await lookUpUntil(cachedLinks, bypassed());
    await redis.start();
    await lookUpUntil(cachedLinks, hitAgain());
  }, 120_000);

  it("starts without Redis, and uses it once it is available", async () => {
    await using authority = await createAuthority();
    await using redis = await RedisServer.start();
    await redis.kill();
    using instance = await connect(authority.links, redis);
    const { cachedLinks } = instance;
    await lookUpUntil(cachedLinks, () => cachedLinks.counts().bypasses > 3);
    await redis.start();
    await lookUpUntil(cachedLinks, () => cachedLinks.counts().hits > 0);
  }, 120_000);

  it.each(["hung", "killed"])(
    "serves no blob anywhere that was deleted while Redis was %s",
    async (how) => {
      await using authority = await createAuthority();
      await using redis = await RedisServer.start();
      using one = await connect(authority.links, redis);
      using two = await connect(authority.links, redis);
      await lookUpUntil(one.cachedLinks, () => one.cachedLinks.counts().hits > 0);
      await lookUpUntil(two.cachedLinks, () => two.cachedLinks.counts().hits > 0);
      await redis.command("SAVE");
      if (how === "hung") redis.signal("SIGSTOP");
      else await redis.kill();
      expect(await one.cachedLinks.unlinkBlob(REPOSITORY, BLOB.digest)).toBe(true);
      expect(await one.cachedLinks.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
      if (how === "hung") redis.signal("SIGCONT");
      else await redis.start();
      const { misses } = one.cachedLinks.counts();
      await eventually(async () => {
        expect(await one.cachedLinks.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
        return one.cachedLinks.counts().misses > misses;
      });
      expect(await two.cachedLinks.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
    },
    120_000,
  );
});
