import { describe, expect, it } from "bun:test";
import { MMDEBSTRAP_DIFFERENCES } from "./mmdebstrap-differences.ts";

/** How a path is here, besides the numbers of its owners. */
function differenceAt(path: string): string | undefined {
  const own = MMDEBSTRAP_DIFFERENCES.filter(({ here }) => here !== "renumbered");
  return own.find(({ pattern }) => pattern.test(path))?.here;
}

describe("the known differences to mmdebstrap's tree", () => {
  it.each([
    ["dev/ptmx", "absent"],
    ["etc/apt/sources.list", "absent"],
    ["etc/apt/sources.list.d/debian.sources", "added"],
    ["var/cache/apt/archives", "absent"],
    ["etc/.pwd.lock", "absent"],
    ["etc/machine-id", "empty"],
    ["var/log/apt/history.log", "absent"],
    ["var/log/faillog", "empty"],
    ["var/lib/dpkg/status-old", "absent"],
    ["etc/postgresql/15/main", "absent"],
    ["usr/sbin/slipway-first-start", "added"],
    ["usr/libx32", "absent"],
  ])("explain %s: %s", (path, here) => {
    expect(differenceAt(path)).toBe(here);
  });

  it.each(["etc/apt/apt.conf.d/01autoremove", "usr/bin/env", "etc/passwd", "var/lib/postgresql", "var/log"])(
    "do not excuse %s",
    (path) => {
      expect(differenceAt(path)).toBeUndefined();
    },
  );
});
