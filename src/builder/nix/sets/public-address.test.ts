import { describe, expect, it } from "bun:test";
import { publicAddress } from "./public-address.ts";

describe("a public address", () => {
  it.each([
    ["https://user:secret@example.org/set.git", "https://example.org/set.git"],
    ["https://secret@example.org:8443/a/b?token=secret#secret", "https://example.org:8443/a/b"],
    ["ssh://git@example.org/set.git", "ssh://example.org/set.git"],
    ["git@example.org:group/set.git", "example.org:group/set.git"],
    ["user:secret@example.org:group/set.git", "example.org:group/set.git"],
    ["channel:nixos-unstable", "channel:nixos-unstable"],
    ["/srv/sets/a@b", "/srv/sets/a@b"],
  ])("of %s is %s", (address, shown) => {
    expect(publicAddress(address)).toBe(shown);
  });
});
