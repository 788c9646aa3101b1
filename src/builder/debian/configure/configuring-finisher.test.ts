import { expect, it } from "bun:test";
import { createLogger } from "../../../log.ts";
import { DEFAULT_LIMITS } from "../../sandbox/limits.ts";
import { NamespaceSandbox } from "../../sandbox/namespace-sandbox.ts";
import { TreeCache } from "../../trees/tree-cache.ts";
import { factsFinisher } from "../facts-finisher.ts";
import type { FinishedPackage } from "../image-finisher.ts";
import type { PackageFiles } from "../package-files.ts";
import { ConfiguringFinisher } from "./configuring-finisher.ts";

const AMD64 = { os: "linux", architecture: "amd64" };

/** Planning reads no package. */
const NO_FILES: PackageFiles = { read: () => Promise.reject(new Error("planning reads no package")) };

/** Planning starts nothing, so the folder need not exist. */
function finisher(): ConfiguringFinisher {
  const sandbox = new NamespaceSandbox({ find: () => undefined, folder: "/nonexistent" });
  const trees = new TreeCache(
    { folder: "/nonexistent/trees", budgetBytes: 0, onRecordingFailed: () => {} },
    sandbox,
  );
  const parts = { sandbox, trees, limits: DEFAULT_LIMITS, log: createLogger("silent") };
  return new ConfiguringFinisher(parts, "amd64", factsFinisher);
}

function packages(base: readonly string[], added: readonly string[]): readonly FinishedPackage[] {
  const all = [
    ...base.map((name) => ({ name, base: true })),
    ...added.map((name) => ({ name, base: false })),
  ];
  return all.map((one) => ({ ...one, sha256: `sha-${one.name}` }));
}

it("configures the packages of every image first, and then the others", () => {
  const { mode, layers } = finisher().finish(AMD64, packages(["dpkg", "libc6"], ["curl"]), NO_FILES);
  expect([mode, layers.map(({ above }) => above)]).toEqual(["configured", ["base", "all"]]);
});

it("makes the layer of the base the same for all images, and the last one only for equal packages", () => {
  const inputs = (base: readonly string[], added: readonly string[]) =>
    finisher()
      .finish(AMD64, packages(base, added), NO_FILES)
      .layers.map((layer) => JSON.stringify(layer.inputs));
  const [base, last] = inputs(["dpkg", "libc6"], ["curl", "git"]);
  expect(inputs(["libc6", "dpkg"], ["git", "curl"])).toEqual([base ?? "", last ?? ""]);
  expect(inputs(["dpkg", "libc6"], ["curl"])[0]).toBe(base ?? "");
  expect(inputs(["dpkg", "libc6"], ["curl"])[1]).not.toBe(last);
  expect(inputs(["dpkg"], ["libc6", "curl", "git"])).not.toContain(last);
  expect(inputs(["dpkg", "libc6", "curl"], ["git"])).not.toContain(last);
  // Alone, the base is the last layer too, which holds more.
  expect(inputs(["dpkg", "libc6"], [])).not.toContain(base);
});

it("leaves images for other processors, and those without dpkg, unpacked", () => {
  const all = packages(["dpkg"], ["curl"]);
  const arm64 = { os: "linux", architecture: "arm64" };
  expect(finisher().finish(arm64, all, NO_FILES)).toMatchObject({
    mode: "unpacked",
    unpackedBecause: "the image is for arm64, and this host runs programs for amd64",
  });
  expect(finisher().finish(AMD64, packages(["libc6"], ["dpkg"]), NO_FILES)).toMatchObject({
    mode: "unpacked",
    unpackedBecause: expect.stringContaining("dpkg is not among"),
  });
  const asked = finisher().finish(AMD64, all, NO_FILES, "unpacked");
  expect([asked.mode, asked.unpackedBecause]).toEqual(["unpacked", undefined]);
  expect(finisher().finish(AMD64, packages([], []), NO_FILES).mode).toBe("unpacked");
});
