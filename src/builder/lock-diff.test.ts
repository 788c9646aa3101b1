import { describe, expect, it } from "bun:test";
import { diffLocks, parseLock } from "./lock-diff.ts";

const PACKAGES = [
  { name: "curl", version: "7.88-1", sha256: "aa" },
  { name: "zlib1g", version: "1.2", sha256: "bb" },
];

function lock(changes: Readonly<Record<string, unknown>> = {}) {
  return parseLock(
    JSON.stringify({
      formatVersion: 2,
      source: { name: "apt", formatVersion: "apt-2" },
      plan: { kind: "size", budget: 94 },
      packages: ["curl"],
      closure: PACKAGES,
      ...changes,
    }),
  );
}

describe("the difference of two locks", () => {
  it("is empty for equal ones", () => {
    expect(diffLocks(lock(), lock())).toEqual({ settings: [], packages: [] });
  });

  it("is empty for packages that are elsewhere in their repositories", () => {
    const at = (folder: string) =>
      lock({ closure: PACKAGES.map((one) => ({ ...one, file: `${folder}/a` })) });
    expect(diffLocks(at("pool"), at("pool/updates"))).toEqual({ settings: [], packages: [] });
  });

  it("has each setting that changed, by its path", () => {
    const other = lock({
      plan: { kind: "size", budget: 20 },
      packages: ["curl", "git"],
      selected: { vi: "vim" },
    });
    expect(diffLocks(lock(), other).settings).toEqual([
      { name: "packages", before: '["curl"]', after: '["curl","git"]' },
      { name: "plan.budget", before: "94", after: "20" },
      { name: "selected.vi", before: undefined, after: "vim" },
    ]);
  });

  it("has packages that came, went, changed their version, or were built again", () => {
    const other = lock({
      closure: [
        { name: "curl", version: "7.88-2", sha256: "cc" },
        { name: "jq", version: "1.6", sha256: "dd" },
      ],
    });
    expect(diffLocks(lock(), other).packages).toEqual([
      { name: "curl", before: "7.88-1", after: "7.88-2" },
      { name: "jq", before: undefined, after: "1.6" },
      { name: "zlib1g", before: "1.2", after: undefined },
    ]);
    const [curl] = PACKAGES;
    const rebuilt = lock({ closure: [curl, { name: "zlib1g", version: "1.2", sha256: "ee" }] });
    expect(diffLocks(lock(), rebuilt).packages).toEqual([
      { name: "zlib1g", before: "1.2 (bb)", after: "1.2 (ee)" },
    ]);
  });

  it("knows the packages of a Nix store, several of one name too", () => {
    const path = (hash: string, name: string) => ({
      path: `/nix/store/${hash.repeat(32)}-${name}`,
      narHash: `sha256:${hash}`,
    });
    const before = lock({ closure: [path("a", "glibc-2.40"), path("b", "jq-1.7"), path("c", "jq-1.7-man")] });
    const after = lock({ closure: [path("d", "glibc-2.41"), path("e", "jq-1.7"), path("c", "jq-1.7-man")] });
    expect(diffLocks(before, after).packages).toEqual([
      { name: "glibc", before: "2.40", after: "2.41" },
      {
        name: "jq",
        before: "1.7 (sha256:b), 1.7-man (sha256:c)",
        after: "1.7 (sha256:e), 1.7-man (sha256:c)",
      },
    ]);
  });

  it("needs locks of images", () => {
    expect(() => parseLock("{}")).toThrow("not the lock of an image");
    expect(() => parseLock('{"formatVersion":2,"images":["sha256:a"]}')).toThrow("lock of an index");
    expect(() => parseLock("no")).toThrow();
  });
});
