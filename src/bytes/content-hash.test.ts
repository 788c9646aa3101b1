import { describe, expect, it } from "bun:test";
import { createContentHash } from "./content-hash.ts";

// The empty text and "abc", from the algorithms' own test vectors.
const VECTORS = [
  [
    "sha256",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  ],
  [
    "sha512",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
  [
    "blake3",
    "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
  ],
] as const;

describe.each(VECTORS)("%s", (algorithm, empty, abc) => {
  it("hashes bytes as they come, and returns the hash at any point", () => {
    const hash = createContentHash(algorithm);
    expect(hash.hex()).toBe(empty);
    hash.update(new TextEncoder().encode("xab").subarray(1));
    expect(hash.hex()).not.toBe(empty);
    hash.update("c");
    expect(hash.hex()).toBe(abc);
    expect(hash.hex()).toBe(abc);
  });
});
