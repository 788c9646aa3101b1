import type { BlobDescriptor } from "../content/blob-services.ts";
import { algorithmOf, type Digest, isDigest } from "../oci/digest.ts";
import { MediaType } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { DescriptorCache, FillTicket } from "./descriptor-cache.ts";
import { RedisConnection, type RedisConnectionOptions } from "./redis-connection.ts";
import { blobKey, leaseKey, memberKey, membersKey } from "./redis-keys.ts";
import { CLEAR, FILL, TAKE_LEASE } from "./redis-scripts.ts";

/** Longest time between a miss and its fill; what takes longer is not filled. */
const LEASE_SECONDS = 30;

/**
 * Memberships and descriptors in a Redis that several instances share, under Distribution's keys and fields.
 *
 * Tickets are leases: a text under the repository's lease key, which every clear removes. A fill needs it to be there
 * still, so neither an eviction nor an emptied server lets an old answer in. An alias answers only while its canonical
 * digest is a member as well. Nothing expires by itself: run Redis with a `maxmemory` and `allkeys-lru`. Not for a
 * Redis cluster, whose scripts may not use keys of several slots.
 */
export class RedisDescriptorCache implements DescriptorCache, Disposable {
  readonly name = "redis";
  readonly #redis: RedisConnection;

  /** Not connected yet: nothing is answered before {@link check} has resolved once. */
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

  /** Whether the canonical digest is a member, and was filled under this alias since it last was cleared. */
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

/** Redis answers a question with 1 or 0, and by its later protocol with a boolean. */
function isYes(answer: unknown): boolean {
  return answer === 1 || answer === true;
}

/** Anything but a digest and a size counts as unknown, as it does for Distribution. */
function parseDescriptor(fields: unknown): BlobDescriptor | undefined {
  if (!Array.isArray(fields)) return undefined;
  const [digest, size] = fields as readonly unknown[];
  if (typeof digest !== "string" || typeof size !== "string") return undefined;
  if (!isDigest(digest) || !/^\d+$/.test(size) || !Number.isSafeInteger(Number(size))) return undefined;
  return { digest, size: Number(size) };
}
