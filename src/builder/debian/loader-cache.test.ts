import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { packageFacts } from "../../../test/support/package-facts.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { compareSonames, loaderCache } from "./loader-cache.ts";

const LDCONFIG = Bun.which("ldconfig", { PATH: `${process.env.PATH}:/usr/sbin:/sbin` });

/** glibc's own comparison (elf/dl-cache.c, `_dl_cache_libcmp`), character by character. */
function glibcCompare(left: string, right: string): number {
  let one = 0;
  let other = 0;
  const digit = (text: string, at: number): boolean => /[0-9]/.test(text[at] ?? "");
  while (one < left.length) {
    if (digit(left, one) && digit(right, other)) {
      let first = 0;
      let second = 0;
      while (digit(left, one)) first = first * 10 + Number(left[one++]);
      while (digit(right, other)) second = second * 10 + Number(right[other++]);
      if (first !== second) return first - second;
    } else if (digit(left, one)) return 1;
    else if (digit(right, other)) return -1;
    else if (left[one] !== right[other]) return (left.charCodeAt(one) || 0) - (right.charCodeAt(other) || 0);
    else {
      one += 1;
      other += 1;
    }
  }
  return other < right.length ? -1 : 0;
}

describe("the order of the loader's cache", () => {
  it("is glibc's", () => {
    const soname = fc.stringMatching(/^lib[a-c.0-9-]{0,8}$/);
    fc.assert(
      fc.property(soname, soname, (left, right) => {
        expect(Math.sign(compareSonames(left, right))).toBe(Math.sign(glibcCompare(left, right)));
      }),
    );
  });
});

describeWith("the loader's cache, read by ldconfig", LDCONFIG !== null, "no ldconfig", () => {
  it("holds the libraries of the configured folders and of the loader's own, each once", async () => {
    await using folder = await temporaryFolder("loader-cache");
    const library = (place: string, soname: string) => ({ folder: place, soname, bits: 64, machine: 62 });
    const cache = loaderCache([
      packageFacts("x", {
        texts: { "etc/ld.so.conf.d/x.conf": "# local\n/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n" },
        libraries: [
          library("usr/lib/x86_64-linux-gnu", "libb.so.10"),
          library("usr/lib/x86_64-linux-gnu", "libb.so.9"),
          library("usr/lib", "liba.so.1"),
          library("usr/lib/private", "libp.so.1"),
        ],
      }),
    ]);
    const file = join(folder.path, "cache");
    await Bun.write(file, cache);
    const { stdout } = Bun.spawnSync([LDCONFIG ?? "", "-p", "-C", file]);
    const lines = stdout.toString().trim().split("\n");
    expect(lines.slice(1).map((line) => line.trim())).toEqual([
      "libb.so.10 (libc6,x86-64) => /lib/x86_64-linux-gnu/libb.so.10",
      "libb.so.9 (libc6,x86-64) => /lib/x86_64-linux-gnu/libb.so.9",
      "liba.so.1 (libc6,x86-64) => /lib/liba.so.1",
    ]);
  });
});
