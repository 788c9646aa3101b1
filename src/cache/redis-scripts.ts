/** A script that Redis runs atomically, and the name under which the server keeps it. */
export interface RedisScript {
  readonly text: string;
  readonly sha1: string;
}

function script(text: string): RedisScript {
  return { text, sha1: new Bun.CryptoHasher("sha1").update(text).digest("hex") };
}

/** KEYS lease; ARGV a new token, its lifetime in seconds. Returns the token that is valid now. */
export const TAKE_LEASE = script(`
local token = redis.call("GET", KEYS[1])
if token then return token end
redis.call("SET", KEYS[1], ARGV[1], "EX", ARGV[2])
return ARGV[1]
`);

/**
 * KEYS lease, members, blob and member of the digest, blob and member of the canonical digest; ARGV token, digest,
 * canonical digest, size, media type. Returns 0 and does nothing if the token is no longer valid.
 */
export const FILL = script(`
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
for _, each in ipairs({{KEYS[3], KEYS[4], ARGV[2]}, {KEYS[5], KEYS[6], ARGV[3]}}) do
  redis.call("SADD", KEYS[2], each[3])
  redis.call("HSET", each[1], "digest", ARGV[3], "size", ARGV[4])
  redis.call("HSETNX", each[1], "mediatype", ARGV[5])
  redis.call("HSET", each[2], "mediatype", ARGV[5])
end
if ARGV[2] ~= ARGV[3] then redis.call("HSET", KEYS[6], "alias", ARGV[2]) end
return 1
`);

/** KEYS lease, members, member; ARGV digest. Keeps the blob's descriptor: other repositories may link it. */
export const CLEAR = script(`
redis.call("DEL", KEYS[1], KEYS[3])
redis.call("SREM", KEYS[2], ARGV[1])
return 1
`);
