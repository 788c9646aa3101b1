import { describe, expect, it } from "bun:test";
import { parseReference, parseTag } from "../oci/reference.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import type { PackageSource } from "./package-source.ts";
import { SourceTable } from "./source-table.ts";

const AMD64 = { os: "linux", architecture: "amd64" };
const LATEST = parseTag("latest");

/** A source for which every component is a package. */
const source = (name: string, servesRoot = false): PackageSource => ({
  name,
  servesRoot,
  formatVersion: `${name}-1`,
  example: `${name}/a`,
  available: () => Promise.reject(new Error("not asked for")),
  read: (components, tag, platform) => ({ packages: components, platform, revision: tag }),
  check: () => Promise.reject(new Error("not asked for")),
  resolve: () => Promise.reject(new Error("not asked for")),
});

const table = new SourceTable([source("one"), source("two")]);

describe("the table of sources", () => {
  it("claims the names below a source, and no other, by any tag", () => {
    const claims = (name: string, reference = "latest") =>
      table.claims(parseRepositoryName(name), parseReference(reference));
    expect(["one/a", "two/a/b"].map((name) => claims(name))).toEqual([true, true]);
    expect(["one", "library/one", "onee/a", "o/one/a"].map((name) => claims(name))).toEqual(
      Array(4).fill(false),
    );
    expect(claims("one/a", "v1")).toBe(true);
    // A digest names stored content.
    expect(claims("one/a", `sha256:${"0".repeat(64)}`)).toBe(false);
  });

  it("lets the source read what follows its own component", () => {
    const { source, request } = table.read(parseRepositoryName("two/a/one"), LATEST, AMD64);
    expect(source.name).toBe("two");
    expect(request).toEqual({ packages: ["a", "one"], platform: AMD64, revision: "latest" });
  });

  it("assigns all other names to the source that serves the root, if there is one", () => {
    const rooted = new SourceTable([source("one"), source("two", true)]);
    const read = (name: string) => {
      expect(rooted.claims(parseRepositoryName(name), LATEST)).toBe(true);
      const { source, request } = rooted.read(parseRepositoryName(name), LATEST, AMD64);
      return [source.name, ...request.packages];
    };
    expect(read("one/a")).toEqual(["one", "a"]);
    expect(read("two/a")).toEqual(["two", "a"]);
    expect(read("a")).toEqual(["two", "a"]);
    expect(read("a/one")).toEqual(["two", "a", "one"]);
    // A source's name with nothing after it is a package like any other.
    expect(read("one")).toEqual(["two", "one"]);
  });
});
