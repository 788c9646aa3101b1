import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { cleanTreePath, mergedLinkTarget, mergedPath, resolveInTree } from "./tree-path.ts";

describe("a path in an image", () => {
  it("is written without dots and outer slashes, and never leads out", () => {
    expect(cleanTreePath("./usr/bin/")).toBe("usr/bin");
    expect(cleanTreePath("./")).toBe("");
    expect(() => cleanTreePath("./usr/../../etc")).toThrow("a package contains the path");
  });

  it("moves into /usr when its folder did", () => {
    expect(mergedPath("bin/sh")).toBe("usr/bin/sh");
    expect(mergedPath("lib64")).toBe("usr/lib64");
    expect(mergedPath("library/x")).toBe("library/x");
    expect(mergedPath("var/run/sshd")).toBe("run/sshd");
    expect(mergedPath("var/running")).toBe("var/running");
  });

  it("stays where it is when it was moved already", () => {
    const path = fc.array(fc.constantFrom("bin", "lib", "usr", "var", "run", "lock", "x"), { minLength: 1 });
    fc.assert(
      fc.property(path, (parts) => {
        const once = mergedPath(parts.join("/"));
        expect(mergedPath(once)).toBe(once);
      }),
    );
  });
});

describe("a symbolic link", () => {
  it("is dropped when merging made it point at itself", () => {
    expect(mergedLinkTarget("usr/bin/awk", "/bin/awk")).toBeUndefined();
    expect(mergedLinkTarget("lib/x", "../usr/lib/x")).toBeUndefined();
  });

  it("keeps its text where that still leads to the same place", () => {
    expect(mergedLinkTarget("bin/sh", "dash")).toBe("dash");
    expect(mergedLinkTarget("lib64/ld.so", "/lib/x/ld.so")).toBe("/lib/x/ld.so");
    expect(mergedLinkTarget("usr/lib/a", "b")).toBe("b");
  });

  it("is rewritten where merging moved it away from its target", () => {
    expect(mergedLinkTarget("lib/x/a.so", "../../etc/a.so")).toBe("../../../etc/a.so");
  });

  it("leads to the same place after merging, whatever it was", () => {
    const parts = fc.array(fc.constantFrom("bin", "lib", "usr", "etc", "x"), { minLength: 1, maxLength: 4 });
    const up = fc.nat(4).map((count) => "../".repeat(count));
    fc.assert(
      fc.property(parts, parts, up, fc.boolean(), (place, target, climb, absolute) => {
        const path = place.join("/");
        const text = absolute ? `/${target.join("/")}` : climb + target.join("/");
        const merged = mergedLinkTarget(path, text);
        const meant = mergedPath(resolveInTree(path, text));
        if (merged === undefined) expect(meant).toBe(mergedPath(path));
        else if (mergedPath(path) !== path) {
          expect(mergedPath(resolveInTree(mergedPath(path), merged))).toBe(meant);
        } else expect(merged).toBe(text);
      }),
    );
  });
});
