import type { BlobDescriptor } from "../content/blob-services.ts";
import { algorithmOf, type Digest, isDigest } from "../oci/digest.ts";
import { MediaType } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { DescriptorCache, FillTicket } from "./descriptor-cache.ts";
import { RedisConnection, type RedisConnectionOptions } from "./redis-connection.ts";
import { blobKey, leaseKey, memberKey, membersKey } from "./redis-keys.ts";
import { CLEAR, FILL, TAKE_LEASE } from "./redis-scripts.ts";

/** Maximum seconds between a miss and its fill; later fills are dropped. */
const LEASE_SECONDS = 30;

/**
 * Descriptor cache in a Redis that several instances share, with Distribution's keys and fields.
 *
 * A ticket is the token in the repository's lease key, which every clear removes. A fill needs that token, so an old
 * value is not stored after an eviction, or on an emptied server. An alias answers only while its canonical digest is
 * also a member. Entries do not expire: run Redis with `maxmemory` and `allkeys-lru`. Does not work on a Redis cluster,
 * where a script cannot use keys of several slots.
 */
export class RedisDescriptorCache implements DescriptorCache, Disposable {
  readonly name = "redis";
  readonly #redis: RedisConnection;

  /** Creates the cache without a connection; look-ups reject until {@link check} has resolved once. */
  constructor(options: RedisConnectionOptions) {
    this.#redis = new RedisConnection(options);
  }

  async find(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined> {
    const members = membersKey(repository);
    // Sent together: one round trip.
    const [isMember, fields] = await Promise.all([
      this.#redis.send("SISMEMBER", members, digest),
      this.#redis.send("HMGET", blobKey(digest), "digest", "size"),
    ]);
    const descriptor = parseDescriptor(fields);
    if (!isYes(isMember) || descriptor === undefined) return undefined;
    if (descriptor.digest === digest) return descriptor;
    return (await this.#isAlias(repository, digest, descriptor.digest)) ? descriptor : undefined;
  }

  async prepareFill(repository: RepositoryName): Promise<FillTicket> {
    const token = crypto.randomUUID();
    const keys = [leaseKey(repository)];
    return (await this.#redis.run(TAKE_LEASE, keys, [token, String(LEASE_SECONDS)])) as FillTicket;
  }

  async fill(
    repository: RepositoryName,
    digest: Digest,
    descriptor: BlobDescriptor,
    ticket: FillTicket,
  ): Promise<void> {
    const canonical = descriptor.digest;
    if (canonical !== digest && algorithmOf(canonical) === algorithmOf(digest)) {
      throw new Error(`${digest} cannot be an alias of ${canonical}`);
    }
    const keys = [
      leaseKey(repository),
      membersKey(repository),
      ...[digest, canonical].flatMap((each) => [blobKey(each), memberKey(repository, each)]),
    ];
    const size = String(descriptor.size);
    await this.#redis.run(FILL, keys, [ticket, digest, canonical, size, MediaType.octetStream]);
  }

  async clear(repository: RepositoryName, digest?: Digest): Promise<void> {
    if (digest === undefined) {
      await this.#redis.send("UNLINK", leaseKey(repository), membersKey(repository));
      return;
    }
    const keys = [leaseKey(repository), membersKey(repository), memberKey(repository, digest)];
    await this.#redis.run(CLEAR, keys, [digest]);
  }

  check(): Promise<void> {
    return this.#redis.check();
  }

  /** Whether the canonical digest is a member and was stored under this alias since the last clear. */
  async #isAlias(repository: RepositoryName, alias: Digest, canonical: Digest): Promise<boolean> {
    const [isMember, filledAs] = await Promise.all([
      this.#redis.send("SISMEMBER", membersKey(repository), canonical),
      this.#redis.send("HGET", memberKey(repository, canonical), "alias"),
    ]);
    return isYes(isMember) && filledAs === alias;
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.#redis[Symbol.dispose]();
  }
}

/** Reads a yes or no from Redis: 1 or 0, or a boolean in newer versions of the protocol. */
function isYes(answer: unknown): boolean {
  return answer === 1 || answer === true;
}

/** Reads a stored descriptor; anything but a digest and a size counts as unknown, as in Distribution. */
function parseDescriptor(fields: unknown): BlobDescriptor | undefined {
  if (!Array.isArray(fields)) return undefined;
  const [digest, size] = fields as readonly unknown[];
  if (typeof digest !== "string" || typeof size !== "string") return undefined;
  if (!isDigest(digest) || !/^\d+$/.test(size) || !Number.isSafeInteger(Number(size))) return undefined;
  return { digest, size: Number(size) };
}
