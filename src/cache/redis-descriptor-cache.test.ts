import { afterAll, expect, it } from "bun:test";
import { descriptorCacheContract, fillNow } from "../../test/contracts/descriptor-cache.contract.ts";
import { ELSEWHERE, REPOSITORY } from "../../test/contracts/metadata-store-samples.ts";
import { findRedis, RedisServer } from "../../test/support/redis.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { digestOf } from "../oci/digest.ts";
import { RedisDescriptorCache } from "./redis-descriptor-cache.ts";

const BLOB = { digest: digestOf("blob"), size: 4 };
const ALIAS = digestOf("blob", "sha512");

describeWith("RedisDescriptorCache", findRedis() !== undefined, "redis-server is not installed", () => {
  let started: Promise<RedisServer> | undefined;
  const server = () => {
    started ??= RedisServer.start();
    return started;
  };
  const connect = async () => {
    const redis = await server();
    await redis.command("FLUSHALL");
    const cache = new RedisDescriptorCache({ url: redis.url });
    await cache.check();
    return { redis, cache, [Symbol.asyncDispose]: async () => cache[Symbol.dispose]() };
  };
  afterAll(async () => {
    await (await started)?.[Symbol.asyncDispose]();
  });

  descriptorCacheContract("Redis", connect);

  it("writes Distribution's keys and fields", async () => {
    await using connected = await connect();
    const { redis, cache } = connected;
    await fillNow(cache, REPOSITORY, ALIAS, BLOB);
    const members = `repository::${REPOSITORY}::blobs`;
    expect(((await redis.command("SMEMBERS", members)) as string[]).sort()).toEqual(
      [BLOB.digest, ALIAS].sort(),
    );
    for (const digest of [BLOB.digest, ALIAS]) {
      expect(await redis.command("HGETALL", `blobs::${digest}`)).toEqual({
        digest: BLOB.digest,
        size: "4",
        mediatype: "application/octet-stream",
      });
      expect(await redis.command("HGET", `${members}::${digest}`, "mediatype")).toBe(
        "application/octet-stream",
      );
    }
    for (const key of [members, `blobs::${BLOB.digest}`]) expect(await redis.command("TTL", key)).toBe(-1);
  });

  it("reads what Distribution wrote, and keeps a media type that it set", async () => {
    await using connected = await connect();
    const { redis, cache } = connected;
    await redis.command("SADD", `repository::${REPOSITORY}::blobs`, BLOB.digest);
    await redis.command(
      "HSET",
      `blobs::${BLOB.digest}`,
      "digest",
      BLOB.digest,
      "size",
      "4",
      "mediatype",
      "a/b",
    );
    expect(await cache.find(REPOSITORY, BLOB.digest)).toEqual(BLOB);
    await fillNow(cache, ELSEWHERE);
    expect(await redis.command("HGET", `blobs::${BLOB.digest}`, "mediatype")).toBe("a/b");
  });

  it("answers only from membership and metadata together, in all four cases", async () => {
    await using connected = await connect();
    const { redis, cache } = connected;
    const [members, blob] = [`repository::${REPOSITORY}::blobs`, `blobs::${BLOB.digest}`];
    expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
    await redis.command("SADD", members, BLOB.digest);
    expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
    await fillNow(cache);
    expect(await cache.find(REPOSITORY, BLOB.digest)).toEqual(BLOB);
    await redis.command("DEL", members);
    expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
    for (const [field, text] of [
      ["size", "four"],
      ["digest", "sha256:short"],
    ] as const) {
      await fillNow(cache);
      await redis.command("HSET", blob, field, text);
      expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
      await redis.command("HDEL", blob, field);
      expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
    }
  });

  it("shares memberships, clears and tickets with other instances", async () => {
    await using connected = await connect();
    const { redis, cache } = connected;
    using other = new RedisDescriptorCache({ url: redis.url });
    await other.check();
    await fillNow(cache);
    expect(await other.find(REPOSITORY, BLOB.digest)).toEqual(BLOB);
    const ticket = await cache.prepareFill(REPOSITORY);
    await other.clear(REPOSITORY, BLOB.digest);
    await cache.fill(REPOSITORY, BLOB.digest, BLOB, ticket);
    expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
  });

  it("does not fill entries whose ticket was lost when Redis was emptied, and continues", async () => {
    await using connected = await connect();
    const { redis, cache } = connected;
    const ticket = await cache.prepareFill(REPOSITORY);
    await redis.command("FLUSHALL");
    await redis.command("SCRIPT", "FLUSH");
    await cache.fill(REPOSITORY, BLOB.digest, BLOB, ticket);
    expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
    await fillNow(cache);
    expect(await cache.find(REPOSITORY, BLOB.digest)).toEqual(BLOB);
  });

  it("refuses an alias of the canonical algorithm", async () => {
    await using connected = await connect();
    await expect(fillNow(connected.cache, REPOSITORY, digestOf("else"), BLOB)).rejects.toThrow(/alias/);
  });

  it("rejects look-ups before it is checked, and after its connection broke", async () => {
    const { redis, cache } = await connect();
    using unchecked = new RedisDescriptorCache({ url: redis.url });
    await expect(unchecked.find(REPOSITORY, BLOB.digest)).rejects.toThrow("not connected to Redis");
    await redis.kill();
    await expect(cache.find(REPOSITORY, BLOB.digest)).rejects.toThrow("not connected to Redis");
    await expect(cache.check()).rejects.toThrow(/connect/i);
    await redis.start();
    await expect(cache.find(REPOSITORY, BLOB.digest)).rejects.toThrow("not connected to Redis");
    await cache.check();
    expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
    cache[Symbol.dispose]();
  });

  it("trusts no membership that a restarted Redis loads from before a clear", async () => {
    const { redis, cache } = await connect();
    await fillNow(cache);
    await fillNow(cache, ELSEWHERE);
    await redis.command("SAVE");
    await cache.clear(REPOSITORY, BLOB.digest);
    await redis.kill();
    await redis.start();
    expect(await redis.command("SISMEMBER", `repository::${REPOSITORY}::blobs`, BLOB.digest)).toBe(1);
    await cache.check();
    expect(await cache.find(REPOSITORY, BLOB.digest)).toBeUndefined();
    expect(await cache.find(ELSEWHERE, BLOB.digest)).toBeUndefined();
    await fillNow(cache);
    // It is the same process, so its entries can be kept.
    await cache.check();
    expect(await cache.find(REPOSITORY, BLOB.digest)).toEqual(BLOB);
    cache[Symbol.dispose]();
  });
});
